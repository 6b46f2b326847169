//! Networks, volumes, images and the system itself, with Docker's command.

use anyhow::Result;
use serde_json::Value;

use super::with_docker;
use crate::reaches;
use crate::registry;

#[test]
fn docker_makes_networks_and_moves_containers_between_them() -> Result<()> {
    with_docker(|docker| {
        docker.run("network create --subnet 10.77.0.0/24 --label a=b -o com.docker.network.bridge.name=seven n1")?;
        docker.run("network create --internal --ipv6 --subnet fd77::/64 n2")?;
        assert_eq!(
            docker
                .run("network ls --filter label=a=b --format '{{.Name}} {{.Driver}} {{.Scope}}'")?,
            "n1 bridge local"
        );
        docker.run(
            "run -d --name c1 --network n1 --ip 10.77.0.9 --network-alias first busybox sleep 1000",
        )?;
        docker.run("run -d --name c2 --network n1 busybox sleep 1000")?;
        assert!(reaches(docker.lab, "c2", "first")?);
        docker.run("network connect --alias second n2 c1")?;
        docker.run("network connect n2 c2")?;
        assert!(reaches(docker.lab, "c2", "second")?);
        let shown = docker.run("network inspect n1")?;
        let shown: Value = serde_json::from_str(&shown)?;
        let members = shown[0]["Containers"].as_object().map(serde_json::Map::len);
        assert_eq!(members, Some(2), "{shown}");
        let refused = docker.fails(1, "network rm n1")?;
        assert!(refused.contains("active endpoints"), "{refused}");
        docker.run("network disconnect n2 c1")?;
        docker.run("rm -f c1 c2")?;
        assert_eq!(docker.run("network rm n1")?, "n1");
        assert_eq!(docker.run("network prune -f")?, "Deleted Networks:\nn2");
        docker.fails(1, "network inspect n1")?;
        assert!(
            docker
                .fails(1, "network rm bridge")?
                .contains("pre-defined")
        );
        Ok(())
    })
}

#[test]
fn docker_manages_volumes_and_images() -> Result<()> {
    with_docker(|docker| {
        assert_eq!(docker.run("volume create --label a=b v1")?, "v1");
        assert_eq!(docker.run("volume ls -q --filter label=a=b")?, "v1");
        let place = docker.run("volume inspect -f '{{.Mountpoint}}' v1")?;
        assert_eq!(docker.lab.host(&format!("ls -A {place}"))?, "");
        docker.run("volume rm v1")?;
        docker.fails(1, "volume inspect v1")?;
        docker.run("volume prune -f")?;

        docker.run("tag busybox other:2")?;
        let images = docker.run("images --format '{{.Repository}}:{{.Tag}}' other")?;
        assert!(images.contains("other:2"), "{images}");
        assert!(
            docker
                .run("history -q other:2")?
                .starts_with(|it: char| it.is_ascii_hexdigit())
        );
        assert_eq!(
            docker.run("image inspect -f '{{.Os}} {{len .RepoTags}}' other:2")?,
            "linux 2"
        );
        let save = docker.command("save other:2");
        let load = docker.command("load");
        assert_eq!(
            docker.lab.host(&format!("{save} | {load}"))?,
            "Loaded image: other:2"
        );
        assert_eq!(docker.run("rmi other:2")?, "Untagged: other:2");
        assert!(docker.fails(1, "rmi other:2")?.contains("No such image"));
        docker.run("image prune -f").map(drop)
    })
}

#[test]
fn docker_pushes_and_pulls_images() -> Result<()> {
    with_docker(|docker| {
        registry::serve(docker.lab, "")?;
        let name = format!("{}/team/app", registry::REGISTRY);
        docker.run(&format!("tag busybox {name}:1"))?;
        let pushed = docker.run(&format!("push {name}:1"))?;
        assert!(pushed.contains("1: digest: sha256:"), "{pushed}");
        docker.run(&format!("rmi {name}:1"))?;
        let pulled = docker.run(&format!("pull {name}:1"))?;
        assert!(
            pulled.contains("Status: Downloaded newer image"),
            "{pulled}"
        );
        docker.run(&format!("rmi {name}:1"))?;
        assert_eq!(docker.run(&format!("run --rm {name}:1 echo here"))?, "here");
        docker.fails(1, &format!("pull {name}:2"))?;
        docker.run(&format!("run --name c1 {name}:1 touch /file"))?;
        docker.run("commit -m why c1 mine")?;
        assert_eq!(docker.run("run --rm mine ls /file")?, "/file");
        docker.run("system df")?;
        docker.run("rm c1")?;
        docker.run(&format!("rmi mine {name}:1"))?;
        registry::end(docker.lab)
    })
}

#[test]
fn docker_is_told_of_the_system() -> Result<()> {
    with_docker(|docker| {
        assert_eq!(
            docker.run("version -f '{{.Server.Platform.Name}} {{.Server.MinAPIVersion}}'")?,
            "rnet 1.40"
        );
        let info = docker.run("info -f '{{.OSType}} {{.Driver}} {{.Containers}} {{.Images}}'")?;
        assert_eq!(info, "linux overlay2 0 1");
        docker.run("info")?;
        docker.run("create --name c1 busybox true")?;
        docker.run("network create n1")?;
        let pruned = docker.run("system prune -f")?;
        assert!(pruned.contains("Deleted Networks:\nn1"), "{pruned}");
        assert_eq!(docker.run("ps -aq")?, "");
        Ok(())
    })
}
