//! Namespaces that containers share with the host.

use anyhow::{Result, ensure};

use crate::{idle, on_lab, refuses};

#[test]
fn namespaces_of_the_host_are_shared_when_asked_for_and_no_others() -> Result<()> {
    on_lab(|lab| {
        let names = ["pid", "ipc", "uts"];
        let link = |name: &str| format!("readlink /proc/self/ns/{name}");
        idle(lab, "none", "")?;
        for shared in names {
            idle(lab, shared, &format!("--{shared} host"))?;
            for name in names {
                let same = lab.host(&format!("rnet exec {shared} {}", link(name)))?
                    == lab.host(&link(name))?;
                ensure!(
                    same == (name == shared),
                    "{name} with --{shared} host: {same}"
                );
                let alone = lab.host(&format!("rnet exec none {}", link(name)))?;
                ensure!(alone != lab.host(&link(name))?, "{name}");
            }
        }
        ensure!(lab.host("rnet exec pid pidof netd").is_ok());
        ensure!(lab.host("rnet exec uts hostname")? == lab.host("hostname")?);
        lab.host("touch /dev/shm/of-the-host")?;
        let seen = lab.host("rnet exec ipc ls /dev/shm");
        lab.host("rm /dev/shm/of-the-host")?;
        ensure!(seen?.contains("of-the-host"));
        // what was left behind by the first process ends with it, where no namespace ends it
        lab.host("rnet exec -d pid sleep 4321")?;
        ensure!(lab.host("ps -eo args | grep '[s]leep 4321'").is_ok());
        lab.host("rnet stop -t 0 pid")?;
        ensure!(lab.try_host("ps -eo args | grep '[s]leep 4321'")?.code != 0);
        for (flags, why) in [
            (
                "--uts host --hostname x",
                "conflicting options: hostname and the UTS mode",
            ),
            ("--ipc host --sysctl kernel.msgmax=9", "not allowed"),
            (
                "--pid container:nobody",
                "failed to join PID namespace: No such container: nobody",
            ),
        ] {
            refuses(lab, flags, why)?;
        }
        Ok(())
    })
}
