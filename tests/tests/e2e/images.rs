//! Images that others made: loaded, run, named, saved and removed.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, busybox_archive, eventually};

use crate::on_lab;
use crate::podman::{podman, put_away, set_up};

/// Writes, into the lab's directory, the archive of an image of two layers as `docker save` does; its path.
fn build(lab: &Lab, config: &str) -> Result<String> {
    let directory = lab.directory().join("app");
    let parts = directory.join("parts");
    std::fs::create_dir_all(&parts)?;
    busybox_archive(&parts.join("lower.tar"))?;
    let directory = directory.display();
    lab.host(&format!(
        r#"cd {directory}; mkdir -p up/etc up/data up/root up/www
        echo from the image >up/data/file; touch up/etc/.wh.group up/www/.wh..wh..opq
        tar -C up -cf parts/upper.tar .; gzip -k parts/upper.tar
        digest() {{ sha256sum $1 | cut -d ' ' -f 1; }}
        cat >parts/config.json <<END
{{"architecture":"amd64","os":"linux","config":{config},"rootfs":{{"type":"layers","diff_ids":
["sha256:$(digest parts/lower.tar)","sha256:$(digest parts/upper.tar)"]}},
"history":[{{"created_by":"the file system"}},{{"created_by":"CMD","empty_layer":true}},{{"created_by":"COPY"}}]}}
END
        rm parts/upper.tar
        cat >parts/manifest.json <<END
[{{"Config":"config.json","RepoTags":["app:1","docker.io/library/app:2"],"Layers":["lower.tar","upper.tar.gz"]}}]
END
        tar -C parts -cf app.tar ."#
    ))?;
    Ok(format!("{directory}/app.tar"))
}

const CONFIG: &str = r#"{"User":"nobody","Env":["WHO=image"],"Entrypoint":["sh","-c"],"WorkingDir":"/data",
"Cmd":["trap 'exit 7' USR1; touch /tmp/up; while :; do sleep 0.1; done"],"Volumes":{"/data":{}},
"StopSignal":"SIGUSR1","Labels":null,"Healthcheck":{"Test":["CMD-SHELL","test -e /tmp/up"],"Interval":100000000}}"#;

#[test]
fn a_container_starts_with_all_that_its_image_says() -> Result<()> {
    on_lab(|lab| {
        let archive = build(lab, CONFIG)?;
        let loaded = lab.host(&format!("rnet load -i {archive}"))?;
        assert_eq!(loaded, "Loaded image: app:1\nLoaded image: app:2");
        lab.host("rnet run -d --name c1 app:2")?;
        eventually(|| {
            let health = lab.host("rnet inspect -f '{{.State.Health.Status}}' c1")?;
            ensure!(health == "healthy", "{health}");
            Ok(())
        })?;
        let seen =
            lab.host("rnet exec c1 sh -c 'id -un; pwd; echo $WHO; cat file; ls /etc /www'")?;
        assert_eq!(
            seen,
            "nobody\n/data\nimage\nfrom the image\n/etc:\nhostname\nhosts\npasswd\nresolv.conf\n\n/www:"
        );
        let mounts = lab.host("rnet inspect -f '{{(index .Mounts 0).Destination}}' c1")?;
        assert_eq!(mounts, "/data");
        let lower = lab.host("rnet inspect -f '{{.GraphDriver.Data.LowerDir}}' c1")?;
        assert_eq!(lower.split(':').count(), 2, "{lower}");
        lab.host("rnet stop c1")?;
        assert_eq!(lab.host("rnet inspect -f '{{.State.ExitCode}}' c1")?, "7");
        let refused = lab.try_host("rnet rmi app:1 app:2")?.failure(1)?;
        assert!(
            refused.contains("is being used by stopped container"),
            "{refused}"
        );
        lab.host("rnet rm -v c1; rnet rmi app:2").map(drop)
    })
}

#[test]
fn images_are_named_told_of_and_pruned() -> Result<()> {
    on_lab(|lab| {
        let archive = build(lab, r#"{"Cmd":["true"]}"#)?;
        lab.host(&format!("rnet image load -q <{archive}"))?;
        let history = lab.host("rnet history --format '{{.CreatedBy}} {{.Size}}' app:1")?;
        let steps: Vec<_> = history.lines().collect();
        assert_eq!(&steps[..2], ["COPY 15B", "CMD 0B"]);
        assert!(steps[2].starts_with("the file system") && !steps[2].ends_with(" 0B"));
        lab.host("rnet tag app:1 team/app; rnet rmi app:1 app:2")?;
        lab.host("rnet tag busybox team/app")?;
        assert_eq!(
            lab.host("rnet image ls -q --filter dangling=true | wc -l")?,
            "1"
        );
        let pruned = lab.host("rnet image prune -f")?;
        assert!(pruned.contains("deleted: sha256:"), "{pruned}");
        assert_eq!(lab.host("rnet image ls -q --filter dangling=true")?, "");
        // what it shares with another stays
        lab.host("rnet run --rm busybox test -e /bin/sh")?;
        lab.host("rnet rmi team/app").map(drop)
    })
}

#[test]
fn podman_loads_what_rnet_saves_and_the_other_way_round() -> Result<()> {
    on_lab(|lab| {
        set_up(lab)?;
        let archive = build(lab, CONFIG)?;
        lab.host(&format!("rnet load -i {archive}"))?;
        let ours = lab.host("rnet image inspect -f '{{.Id}}' app:1")?;
        let directory = lab.directory().display().to_string();
        lab.host(&format!("rnet save -o {directory}/ours.tar app:1"))?;
        podman(lab, &format!("load -q -i {directory}/ours.tar"))?;
        let theirs = podman(lab, "image inspect -f '{{.Id}}' app:1")?;
        assert_eq!(format!("sha256:{theirs}"), ours);
        lab.host("rnet rmi app:1 app:2")?;
        for format in ["docker-archive", "oci-archive"] {
            let line = format!("save -q --format {format} -o {directory}/{format}.tar app:1");
            podman(lab, &line)?;
            lab.host(&format!("rnet load -i {directory}/{format}.tar"))?;
            let name = "localhost/app:1";
            let listed = lab.host(&format!("rnet image inspect -f '{{{{.RepoTags}}}}' {name}"))?;
            assert_eq!(listed, format!("[{name}]"));
            let seen = "cat /data/file; test -e /etc/group || echo gone";
            let run = format!("rnet run --rm --entrypoint sh {name} -c '{seen}'");
            assert_eq!(lab.host(&run)?, "from the image\ngone", "{format}");
            lab.host(&format!("rnet rmi {name}"))?;
        }
        podman(lab, "rmi -a -f")?;
        lab.host("rm -r /var/lib/containers")?;
        put_away(lab)
    })
}

#[test]
fn an_archive_that_cannot_be_loaded_is_refused_with_the_reason() -> Result<()> {
    on_lab(|lab| {
        let archive = build(lab, r#"{"Cmd":["true"]}"#)?;
        let before = lab.contents()?;
        for (change, words) in [
            ("head -c 100000", "the archive is truncated"),
            ("sed s/app:1/App:1/", "must be lowercase"),
            ("gzip -dc", "the archive is truncated"),
        ] {
            let line = format!("{change} {archive} | rnet load");
            let refused = lab.try_host(&line)?.failure(1)?;
            assert!(refused.contains(words), "{refused}");
        }
        let status = "curl -s -o /dev/null -w '%{http_code}' --unix-socket /run/rnet/rnet.sock";
        let truncated =
            format!("head -c 100000 {archive} | {status} -T - -X POST http://d/images/load");
        assert_eq!(lab.host(&truncated)?, "400");
        let missing = format!("{status} http://d/images/get?names=none");
        assert_eq!(lab.host(&missing)?, "404");
        lab.assert_nothing_left(&before)
    })
}
