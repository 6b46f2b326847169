//! Images as Docker's clients know them: committed, filtered, told of by events and by the room they take.

use anyhow::{Result, ensure};

use crate::on_lab;

#[test]
fn what_a_container_wrote_becomes_an_image() -> Result<()> {
    on_lab(|lab| {
        lab.host(
            "rnet run --name c1 -e A=1 -v /vol busybox sh -c \
             'echo new >/file; ln /file /hard; rm /etc/passwd; rm -r /www; mkdir /www; echo x >/vol/x'",
        )?;
        let id = lab
            .host(r#"rnet commit -a me -m why -c 'CMD ["cat","/file"]' -c 'ENV B=2' c1 mine:1"#)?;
        assert_eq!(lab.host("rnet run --rm mine:1")?, "new");
        let look = "sh -c 'test -e /etc/passwd || echo gone; test -e /vol/x || echo apart; ls -A /www; echo $A$B; stat -c %h /hard'";
        assert_eq!(
            lab.host(&format!("rnet run --rm mine:1 {look}"))?,
            "gone\napart\n12\n2"
        );
        let format = "{{.Id}} {{.Author}} {{.Comment}} {{len .RootFS.Layers}} {{.Config.Cmd}} {{.GraphDriver.Name}}";
        assert_eq!(
            lab.host(&format!("rnet image inspect -f '{format}' mine:1"))?,
            format!("{id} me why 2 [cat /file] overlay2")
        );
        let upper = lab.host("rnet image inspect -f '{{.GraphDriver.Data.UpperDir}}' mine:1")?;
        assert_eq!(lab.host(&format!("cat {upper}/file"))?, "new");
        let saved = lab.host("rnet save mine:1 | rnet load")?;
        assert_eq!(saved, "Loaded image: mine:1");
        lab.host("rnet run -d --name c2 mine:1 sleep 1000; rnet commit c2")?;
        assert_eq!(
            lab.host("rnet inspect -f '{{.State.Status}}' c2")?,
            "running"
        );
        let wrong = lab.try_host("rnet commit -c 'RUN true' c2")?.failure(1)?;
        ensure!(
            wrong.contains("RUN is not a valid change command"),
            "{wrong}"
        );
        lab.host("rnet rm -f -v c1 c2; rnet image prune -f; rnet rmi mine:1")
            .map(drop)
    })
}

#[test]
fn images_are_filtered_as_docker_does() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet create --name c1 busybox true; rnet commit -c 'LABEL tier=front' c1 team/app:1; rnet commit c1 team/app:2")?;
        let listed = |filter: &str| {
            lab.host(&format!(
                "rnet images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' {filter} | sort | xargs"
            ))
        };
        for (filter, names) in [
            ("-f reference=busybox", "busybox:latest"),
            ("-f reference='team/*'", "team/app:1 team/app:2"),
            ("team/app", "team/app:1 team/app:2"),
            ("team/app:2", "team/app:2"),
            ("-f label=tier=front", "team/app:1"),
            ("-f since=team/app:1", "team/app:2"),
            ("-f before=team/app:2 -f reference='team/*'", "team/app:1"),
            ("-f dangling=true", ""),
        ] {
            assert_eq!(listed(filter)?, names, "{filter}");
        }
        lab.host("rnet tag busybox team/app:2")?;
        assert_eq!(listed("-f dangling=true")?, "<none>:<none>");
        let missing = lab.try_host("rnet images -f before=none")?.failure(1)?;
        ensure!(missing.contains("No such image: none:latest"), "{missing}");
        lab.host("rnet rm c1; rnet rmi team/app:1 team/app:2; rnet image prune -f")
            .map(drop)
    })
}

#[test]
fn what_happens_to_images_is_told() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet tag busybox app:1; rnet save app:1 | rnet load; rnet rmi app:1")?;
        let line = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}";
        let told = lab.host(&format!("rnet events --since 1h --until 0s --filter type=image --format '{line}' | grep -v import"))?;
        let id = lab.host("rnet image inspect -f '{{.Id}}' busybox")?;
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(
            lines,
            [
                "image tag app:1",
                &format!("image save {id}"),
                "image load app:1",
                &format!("image untag {id}")
            ]
        );
        Ok(())
    })
}

#[test]
fn the_room_that_is_taken_is_told_and_made() -> Result<()> {
    on_lab(|lab| {
        lab.host(
            "rnet run --name c1 -v data:/data busybox sh -c 'echo 12345 >/file; echo 123 >/data/x'",
        )?;
        let usage =
            lab.host("rnet system df --format '{{.Type}}: {{.TotalCount}} {{.Active}} {{.Size}}'")?;
        let lines: Vec<_> = usage.lines().collect();
        ensure!(lines[0].starts_with("Images: 1 1 "), "{usage}");
        assert_eq!(lines[1..], ["Containers: 1 0 6B", "Local Volumes: 1 1 4B"]);
        let verbose = lab.host("rnet system df -v")?;
        ensure!(
            verbose.contains("VOLUME NAME") && verbose.contains("SHARED SIZE"),
            "{verbose}"
        );
        lab.host("rnet network create unused")?;
        let pruned = lab.host("rnet system prune -f")?;
        ensure!(
            pruned.contains("unused") && pruned.contains("Total reclaimed space: "),
            "{pruned}"
        );
        assert_eq!(lab.host("rnet ps -aq")?, "");
        lab.host("rnet volume rm data").map(drop)
    })
}
