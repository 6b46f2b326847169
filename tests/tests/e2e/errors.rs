//! What is refused, in which words and with which exit code; and that it changes nothing.

use anyhow::Result;

use crate::{idle, on_lab, serve};

#[test]
fn what_cannot_be_is_refused_in_docker_s_words() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 172.25.0.0/16 taken")?;
        serve(lab, "c1", "--network taken --ip 172.25.0.9 -p 8080:80")?;
        let before = lab.contents()?;
        for (line, code, words) in [
            ("network inspect nowhere", 1, "network nowhere not found"),
            ("network rm nowhere", 1, "network nowhere not found"),
            ("network connect nowhere c1", 1, "network nowhere not found"),
            (
                "network connect taken nobody",
                1,
                "No such container: nobody",
            ),
            (
                "network connect taken c1",
                1,
                "already exists in network taken",
            ),
            (
                "network disconnect bridge c1",
                1,
                "is not connected to network bridge",
            ),
            (
                "network create taken",
                1,
                "network with name taken already exists",
            ),
            (
                "network create bridge",
                1,
                "operation is not permitted on predefined bridge network",
            ),
            ("network create --subnet 172.25.7.0/24 more", 1, "overlaps"),
            (
                "network create --subnet 172.25.7.1/16 more",
                1,
                "172.25.0.0/16",
            ),
            ("network create --subnet nonsense more", 125, "nonsense"),
            (
                "network create --subnet 10.1.0.0/24 --ip-range 10.2.0.0/24 more",
                1,
                "must lie in a --subnet",
            ),
            (
                "network create --subnet 10.1.0.0/24 --gateway 10.2.0.1 more",
                1,
                "must lie in a --subnet",
            ),
            (
                "network create --driver carrier-pigeon more",
                1,
                "carrier-pigeon",
            ),
            ("network rm taken", 1, "has active endpoints"),
            (
                "network rm bridge",
                1,
                "is a pre-defined network and cannot be removed",
            ),
            ("network create", 125, "Usage"),
            (
                "network create --subnets 10.1.0.0/24 more",
                125,
                "--subnets",
            ),
            (
                "run -d --name c1 busybox true",
                125,
                "is already in use by container",
            ),
            (
                "run -d --pull never nothing true",
                125,
                "No such image: nothing:latest",
            ),
            (
                "run -d --network nowhere busybox true",
                125,
                "network nowhere not found",
            ),
            (
                "run -d --network taken --ip 172.25.0.9 busybox true",
                125,
                "already in use",
            ),
            (
                "run -d --network taken --ip 10.9.9.9 busybox true",
                125,
                "10.9.9.9",
            ),
            ("run -d --ip 172.17.0.9 busybox true", 125, "user"),
            (
                "run -d -p 8080:80 busybox true",
                125,
                "port is already allocated",
            ),
            ("run -d -p 99999:80 busybox true", 125, "99999"),
            ("run -d busybox nonsense", 127, "nonsense"),
            ("run -d busybox /etc/passwd", 126, "ermission denied"),
            ("exec nobody true", 1, "No such container: nobody"),
            ("exec c1 nonsense", 127, "nonsense"),
            ("stop nobody", 1, "No such container: nobody"),
            ("rm c1", 1, "container is running"),
            ("kill -s NONSENSE c1", 1, "NONSENSE"),
            ("image inspect nothing", 1, "No such image: nothing:latest"),
            ("image import Bad /dev/null", 1, "invalid reference format"),
            ("image import empty /dev/null", 1, "truncated"),
            ("nonsense", 125, "nonsense"),
        ] {
            let told = lab.try_host(&format!("rnet {line}"))?.failure(code)?;
            assert!(told.contains(words), "rnet {line}\n{told}");
            lab.host(
                "rnet ps -aq --filter status=created --filter status=exited | xargs -r rnet rm",
            )?;
        }
        lab.assert_nothing_left(&before)
    })
}

#[test]
fn a_daemon_that_is_not_there_is_told_so() -> Result<()> {
    on_lab(|lab| {
        let told = lab
            .try_host("rnet -H unix:///run/nowhere.sock ps")?
            .failure(1)?;
        assert!(told.contains("/run/nowhere.sock"), "{told}");
        Ok(())
    })
}

#[test]
fn a_container_that_cannot_be_plumbed_leaves_nothing_but_its_record() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 10.77.0.0/30 tiny")?;
        idle(lab, "c1", "--network tiny")?;
        let before = lab.contents()?;
        let told = lab
            .try_host("rnet run -d --name c2 --network tiny busybox true")?
            .failure(125)?;
        assert!(
            told.contains("no available") || told.contains("full"),
            "{told}"
        );
        lab.host("rnet rm c2")?;
        lab.assert_nothing_left(&before)
    })
}
