//! Devices a container may use, whatever files it makes.

use std::fs;

use rnet_runtime_glue::spec::Devices;

use crate::lab::Lab;

#[test]
fn devices_are_filtered_by_a_program_where_version_2_is_mounted() {
    let lab = Lab::new();
    let id = lab.id();
    let script = "mknod /dev/mine c 1 5; mknod /dev/disk b 7 0; mknod /dev/tune c 10 200; read x";
    let mut spec = lab.spec(&id, script);
    spec.open_stdin = true;
    spec.devices = Devices {
        rules: vec!["c 10:* r".parse().unwrap()],
        ..Devices::default()
    };
    lab.runtime.create(&id, &spec).unwrap();
    let hold = lab.runtime.attach(&id, crate::lab::all()).unwrap();
    lab.runtime.start(&id).unwrap();
    let tries = "exec 2>&1; until test -e /dev/tune; do :; done; head -c 3 /dev/mine | wc -c; cat /dev/disk; echo x >/dev/tune";
    let (_, output) = lab.exec(&id, &["/bin/sh", "-c", tries]);
    let expected = "3\ncat: can't open '/dev/disk': Operation not permitted\n\
                    /bin/sh: can't create /dev/tune: Operation not permitted\n";
    assert_eq!(output, expected);
    let list = format!("/sys/fs/cgroup/devices/{}/{id}/devices.list", lab.cgroup);
    if fs::exists("/sys/fs/cgroup/unified").unwrap() {
        // not the files of version 1 hold it
        assert_eq!(fs::read_to_string(list).unwrap(), "a *:* rwm\n");
    }
    drop(hold);
}
