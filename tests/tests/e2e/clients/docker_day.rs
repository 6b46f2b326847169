//! A usual day of containers with Docker's command.

use anyhow::{Result, ensure};
use rnet_tests::eventually;
use serde_json::Value;

use super::with_docker;

#[test]
fn docker_runs_attached_with_streams_and_exit_codes() -> Result<()> {
    with_docker(|docker| {
        let run = docker.command("run --name c1 busybox sh -c 'echo out; echo error >&2; exit 3'");
        let ran = docker.lab.try_host(&run)?;
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str(), ran.code),
            ("out", "error", 3)
        );
        let cat = docker.command("run -i --rm busybox sh -c 'cat; echo end'");
        assert_eq!(docker.lab.host(&format!("echo in | {cat}"))?, "in\nend");
        assert!(
            docker
                .fails(127, "run --rm busybox missing")?
                .contains("executable file not found")
        );
        assert!(
            docker
                .fails(126, "run --rm busybox /etc")?
                .contains("docker: Error response")
        );
        assert!(
            docker
                .fails(125, "run --name c1 busybox true")?
                .contains("is already in use by container")
        );
        let missing = docker.fails(125, "run --rm localhost:1/missing true")?;
        assert!(missing.contains("Unable to find image"), "{missing}");
        let ran = docker.lab.try_host(&docker.command("start -a c1"))?;
        assert_eq!((ran.stdout.as_str(), ran.code), ("out", 3));
        assert_eq!(docker.run("ps -aq")?.lines().count(), 1);
        Ok(())
    })
}

#[test]
fn docker_lists_waits_for_and_ends_containers() -> Result<()> {
    with_docker(|docker| {
        docker.run("run -d --name one --label tier=front busybox sleep 1000")?;
        docker.run("run -d --name two busybox sleep 1000")?;
        docker.run("create --name three busybox true")?;
        let names = |flags: &str| docker.run(&format!("ps {flags} --format '{{{{.Names}}}}'"));
        assert_eq!(names("")?, "two\none");
        assert_eq!(names("-a --filter status=created")?, "three");
        assert_eq!(names("--filter label=tier=front")?, "one");
        assert_eq!(
            names("-a --filter name=^t --filter ancestor=busybox")?,
            "three\ntwo"
        );
        assert!(docker.fails(1, "ps --filter color=red")?.contains("color"));
        assert!(docker.run("top two")?.ends_with("sleep 1000"));
        docker.run("pause two")?;
        assert_eq!(names("--filter status=paused")?, "two");
        docker.run("unpause two")?;
        docker.run("rename two second")?;
        let waiting = docker.lab.begin(&docker.command("wait one second"))?;
        eventually(|| {
            docker.run("kill -s KILL one")?;
            docker.run("stop -t 0 second")
        })?;
        let told = waiting.wait_with_output()?;
        assert_eq!(std::str::from_utf8(&told.stdout)?, "137\n137\n");
        docker.run("start one")?;
        docker.run("restart -t 0 one")?;
        let refused = docker.fails(1, "rm one")?;
        assert!(refused.contains("running"), "{refused}");
        let size = docker.run("inspect -s -f '{{.SizeRw}}' three")?;
        assert_eq!(size, "0");
        let pruned = docker.run("container prune -f")?;
        assert!(
            pruned.contains("Deleted Containers:") && pruned.contains("Total reclaimed space"),
            "{pruned}"
        );
        assert_eq!(names("-a")?, "one");
        Ok(())
    })
}

#[test]
fn docker_copies_in_and_out() -> Result<()> {
    with_docker(|docker| {
        let directory = docker.lab.directory().display().to_string();
        docker.lab.host(&format!(
            "cd {directory}; mkdir -p from/below; echo text >from/below/file"
        ))?;
        docker.run("run -d --name c1 busybox sleep 1000")?;
        docker.run(&format!("cp {directory}/from c1:/to"))?;
        assert_eq!(docker.run("exec c1 cat /to/below/file")?, "text");
        docker.run(&format!("cp c1:/to/below {directory}/back"))?;
        assert_eq!(
            docker.lab.host(&format!("cat {directory}/back/file"))?,
            "text"
        );
        let cp = docker.command("cp c1:/to/below/file -");
        assert_eq!(docker.lab.host(&format!("{cp} | tar -xO"))?, "text");
        assert!(
            docker
                .fails(1, &format!("cp c1:/missing {directory}"))?
                .contains("/missing")
        );
        let export = docker.command("export c1");
        assert_eq!(
            docker
                .lab
                .host(&format!("{export} | tar -xO to/below/file"))?,
            "text"
        );
        Ok(())
    })
}

#[test]
fn docker_hears_what_happens() -> Result<()> {
    with_docker(|docker| {
        let log = docker.lab.directory().join("events");
        let listen = docker.command(&format!(
            "events --filter type=container --format '{{{{json .}}}}' >{} 2>&1 </dev/null & echo $!",
            log.display()
        ));
        let listener = docker.lab.host(&listen)?;
        eventually(|| {
            docker.run("run --rm --name probe busybox true")?;
            ensure!(
                !std::fs::read_to_string(&log)?.is_empty(),
                "nobody listens yet"
            );
            Ok(())
        })?;
        docker
            .run("run --rm --name c1 --label k=v busybox false")
            .unwrap_err();
        let heard = eventually(|| {
            let text = std::fs::read_to_string(&log)?;
            let events: Vec<Value> = text
                .lines()
                .filter_map(|it| serde_json::from_str(it).ok())
                .collect();
            let of_it: Vec<_> = events
                .iter()
                .filter(|it| it["Actor"]["Attributes"]["name"] == "c1")
                .map(|it| (it["Action"].clone(), it["Actor"]["Attributes"].clone()))
                .collect();
            ensure!(of_it.last().is_some_and(|it| it.0 == "destroy"), "{text}");
            Ok(of_it)
        })?;
        let actions: Vec<_> = heard.iter().filter_map(|it| it.0.as_str()).collect();
        let known = ["create", "attach", "start", "die", "destroy"];
        let told: Vec<_> = known
            .into_iter()
            .filter(|it| actions.contains(it))
            .collect();
        assert_eq!(told, known, "{actions:?}");
        let died = heard.iter().find(|it| it.0 == "die").map(|it| &it.1);
        assert_eq!(died.map(|it| &it["exitCode"]), Some(&Value::from("1")));
        assert_eq!(died.map(|it| &it["k"]), Some(&Value::from("v")));
        docker.lab.host(&format!("kill {listener}"))?;
        let now = docker.lab.host("date +%s.%N")?;
        let past = docker.run(&format!(
            "events --since 10m --until {now} --filter event=die --filter container=c1"
        ))?;
        assert!(
            past.contains("container die") && past.contains("exitCode=1"),
            "{past}"
        );
        assert_eq!(past.lines().count(), 1, "{past}");
        Ok(())
    })
}
