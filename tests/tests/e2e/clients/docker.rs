//! The everyday stories of containers, word for word with Docker's command.

use anyhow::Result;
use rnet_tests::eventually;

use super::with_docker;
use crate::page;

#[test]
fn docker_runs_a_container_with_volumes_variables_and_two_ports() -> Result<()> {
    with_docker(|docker| {
        let directory = docker.lab.directory().display().to_string();
        docker.run(&format!(
            "run -d --name web -v data:/data -v {directory}:/host:ro -e WHO=me -p 8080:80 -p 8081:81 busybox \
             sh -c 'echo $WHO >/www/index.html; httpd -h /www; exec httpd -f -p 81 -h /www'"
        ))?;
        for port in [8080, 8081] {
            let url = format!("http://192.0.2.1:{port}/");
            let told = eventually(|| page(docker.lab, "outside", &url))?;
            assert_eq!(told, "me");
        }
        assert_eq!(
            docker.run("port web 81/tcp")?.lines().next(),
            Some("0.0.0.0:8081")
        );
        docker.fails(1, "exec web touch /host/file")?;
        docker.run("exec web touch /data/file")?;
        docker.run("rm -f web")?;
        assert_eq!(
            docker.run("run --rm -v data:/data busybox ls /data")?,
            "file"
        );
        docker.run("volume rm data").map(drop)
    })
}

#[test]
fn docker_sees_limits_in_stats_and_changes_them_live() -> Result<()> {
    with_docker(|docker| {
        docker.run("run -d --name c1 --cpus 1 --memory 256MB busybox sleep 1000")?;
        let stats = "stats --no-stream --format '{{.Name}} {{.MemUsage}}' c1";
        let told = docker.run(stats)?;
        assert!(
            told.starts_with("c1 ") && told.ends_with("/ 256MiB"),
            "{told}"
        );
        assert_eq!(docker.run("update --memory 100m --cpus 0.5 c1")?, "c1");
        assert!(docker.run(stats)?.ends_with("/ 100MiB"));
        let limits =
            docker.run("inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}' c1")?;
        assert_eq!(limits, "104857600 500000000");
        Ok(())
    })
}

#[test]
fn a_container_of_dockers_is_entered_by_each_of_its_namespaces() -> Result<()> {
    with_docker(|docker| {
        docker.run("run -d --name c1 --hostname inside busybox sleep 1000")?;
        let process = docker.run("inspect -f '{{.State.Pid}}' c1")?;
        let enter = |flags: &str, program: &str| {
            docker
                .lab
                .host(&format!("nsenter --target {process} {flags} {program}"))
        };
        assert_eq!(enter("--uts", "hostname")?, "inside");
        assert!(enter("--net", "ip -brief address show eth0")?.contains("172.17."));
        assert_eq!(enter("--mount", "/bin/cat /etc/hostname")?, "inside");
        assert_eq!(
            enter("--pid --mount", "/bin/ps -o pid,args | grep -c sleep")?,
            "1"
        );
        for (flag, name) in [
            ("--ipc", "ipc"),
            ("--cgroup", "cgroup"),
            ("--pid", "pid_for_children"),
        ] {
            let link = |process: &str| format!("readlink /proc/{process}/ns/{name}");
            let own = docker.lab.host(&link(&process))?;
            assert_eq!(enter(flag, &link("self"))?, own, "{flag}");
            assert_ne!(docker.lab.host(&link("self"))?, own, "{flag}");
        }
        Ok(())
    })
}

#[test]
fn a_file_written_inside_is_found_in_the_upper_directory() -> Result<()> {
    with_docker(|docker| {
        docker.run("run -d --name c1 busybox sleep 1000")?;
        docker.run("exec c1 sh -c 'echo inside >/etc/written'")?;
        let upper = docker.run("inspect -f '{{.GraphDriver.Data.UpperDir}}' c1")?;
        assert_eq!(
            docker.lab.host(&format!("cat {upper}/etc/written"))?,
            "inside"
        );
        assert_eq!(docker.run("diff c1")?, "C /etc\nA /etc/written");
        Ok(())
    })
}

#[test]
fn two_containers_of_dockers_share_a_volume_and_one_of_them_only_reads_it() -> Result<()> {
    with_docker(|docker| {
        docker.run("run -d --name writer -v shared:/data busybox sleep 1000")?;
        docker.run("run -d --name reader -v shared:/data:ro busybox sleep 1000")?;
        docker.run("exec writer sh -c 'echo kept >/data/file'")?;
        assert_eq!(docker.run("exec reader cat /data/file")?, "kept");
        let refused = docker.fails(1, "exec reader touch /data/file")?;
        assert!(refused.contains("Read-only file system"), "{refused}");
        let refused = docker.fails(1, "volume rm shared")?;
        assert!(refused.contains("volume is in use"), "{refused}");
        docker
            .run("rm -f -t 0 writer reader")
            .or_else(|_| docker.run("rm -f writer reader"))?;
        docker.run("volume rm shared").map(drop)
    })
}

#[test]
fn docker_follows_logs_since_a_moment_until_the_container_ends() -> Result<()> {
    with_docker(|docker| {
        docker.run(
            "run -d --name c1 busybox sh -c 'echo early; until test -e /go; do sleep 0.05; done; echo late; echo error >&2'",
        )?;
        eventually(|| {
            let told = docker.run("logs c1")?;
            anyhow::ensure!(told == "early", "{told}");
            Ok(())
        })?;
        let now = docker.lab.host("date +%s.%N")?;
        let follow = docker.command(&format!("logs -f --since {now} c1 2>&1"));
        let following = docker.lab.begin(&follow)?;
        docker.run("exec c1 touch /go")?;
        let told = following.wait_with_output()?;
        let mut told: Vec<_> = std::str::from_utf8(&told.stdout)?.lines().collect();
        told.sort_unstable();
        assert_eq!(told, ["error", "late"]);
        let stamped = docker.run("logs -t --tail 1 c1 2>&1")?;
        let year = docker.lab.host("date +%Y")?;
        assert!(stamped.starts_with(&year), "{stamped}");
        assert_eq!(docker.run(&format!("logs --until {now} c1"))?, "early");
        Ok(())
    })
}
