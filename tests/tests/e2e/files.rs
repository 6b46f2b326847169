//! Files between containers and the host.

use anyhow::Result;

use crate::{idle, on_lab};

#[test]
fn files_are_copied_both_ways_whether_a_container_runs_or_not() -> Result<()> {
    on_lab(|lab| {
        let here = lab.directory().display().to_string();
        lab.host(&format!(
            "cd {here}; mkdir -p tree/sub; echo one >tree/sub/one; ln -s sub/one tree/link; chmod 640 tree/sub/one"
        ))?;
        idle(lab, "c1", "-v data:/data")?;
        lab.host("rnet create --name c2 -v data:/data busybox true")?;
        for name in ["c1", "c2"] {
            lab.host(&format!(
                "cd {here}
                rnet cp tree {name}:/root
                rnet cp tree/. {name}:/tmp/new
                rnet cp tree/sub/one {name}:/root/two
                tar -C tree -c sub | rnet cp - {name}:/data
                rnet cp {name}:/root/tree back-{name}
                rnet cp {name}:/root/two two-{name}
                rnet cp -L {name}:/root/tree/link linked-{name}
                rnet cp {name}:/data/sub/one -  | tar -xO >piped-{name}"
            ))?;
            let copied = lab.host(&format!(
                "cd {here}; diff -r --no-dereference tree back-{name} && cat two-{name} linked-{name} piped-{name}; stat -c %a back-{name}/sub/one"
            ))?;
            assert_eq!(copied, "one\none\none\n640", "{name}");
        }
        lab.host("rnet start -a c2")?;
        assert_eq!(
            lab.host("rnet exec c1 cat /tmp/new/link /data/sub/one")?,
            "one\none"
        );
        lab.host("rnet rm -f c1 c2; rnet volume rm data").map(drop)
    })
}

#[test]
fn a_copy_is_never_led_out_of_the_container() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "")?;
        lab.host("echo host >/run/secret; mkdir /run/trap")?;
        lab.host("rnet exec c1 sh -c 'ln -s /run/secret /root/file; ln -s /run/trap /root/up; ln -s ../../../../run /root/run'")?;
        for path in ["/root/file/", "/root/run/secret", "/../../run/secret"] {
            let refused = lab.try_host(&format!("rnet cp c1:{path} -"))?.failure(1)?;
            assert!(
                refused.contains("Could not find the file"),
                "{path}: {refused}"
            );
        }
        lab.host("rnet exec c1 mkdir -p /run/trap; echo in | (cd /run; cat >in; tar -c in) | rnet cp - c1:/root/up")?;
        assert_eq!(
            lab.host("rnet exec c1 cat /run/trap/in; ls /run/trap")?,
            "in"
        );
        let escape = lab.try_host("cd /run; tar -cP /run/trap/../in | rnet cp - c1:/root")?;
        assert!(escape.failure(1)?.contains("refused entry"));
        lab.host("rm -r /run/secret /run/trap /run/in").map(drop)
    })
}

#[test]
fn a_copy_that_cannot_be_is_refused_in_dockers_words() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "--read-only -v data:/data:ro -v rw:/rw")?;
        let ask = |method: &str, path: &str| {
            lab.host(&format!(
                "echo x >/run/x; tar -C /run -c x | curl -s -w ' %{{http_code}}' --unix-socket /run/rnet/rnet.sock \
                 -X {method} --data-binary @- -H 'Content-Type: application/x-tar' 'http://d/containers/{path}'"
            ))
        };
        for (method, path, answer) in [
            (
                "PUT",
                "c1/archive?path=/root",
                r#"{"message":"container rootfs is marked read-only"} 403"#,
            ),
            (
                "PUT",
                "c1/archive?path=/data",
                r#"{"message":"mounted volume is marked read-only"} 403"#,
            ),
            (
                "PUT",
                "c1/archive?path=/rw/none",
                r#"{"message":"Could not find the file /rw/none in container c1"} 404"#,
            ),
            ("PUT", "c1/archive?path=/rw", " 200"),
            (
                "PUT",
                "c1/archive?path=/rw/x",
                r#"{"message":"extraction point is not a directory: /rw/x"} 400"#,
            ),
            (
                "GET",
                "c1/archive?path=/none",
                r#"{"message":"Could not find the file /none in container c1"} 404"#,
            ),
            (
                "GET",
                "c1/archive",
                r#"{"message":"missing required parameter: path"} 400"#,
            ),
            (
                "GET",
                "c9/archive?path=/",
                r#"{"message":"No such container: c9"} 404"#,
            ),
        ] {
            assert_eq!(ask(method, path)?, answer, "{method} {path}");
        }
        let stat = lab.host(
            "curl -sI --unix-socket /run/rnet/rnet.sock 'http://d/containers/c1/archive?path=/bin/sh' \
             | sed -n 's/^x-docker-container-path-stat: //Ip' | tr -d '\\r' | base64 -d",
        )?;
        let stat: serde_json::Value = serde_json::from_str(&stat)?;
        assert_eq!(
            (&stat["name"], &stat["linkTarget"]),
            (&"sh".into(), &"busybox".into())
        );
        assert_eq!(stat["mode"], 0o777 | 1 << 27);
        let truncated = "tar -C /run -c x | head -c 700 | rnet cp - c1:/rw";
        assert!(lab.try_host(truncated)?.failure(1)?.contains("truncated"));
        lab.host("rm /run/x; rnet rm -f c1; rnet volume rm data rw")
            .map(drop)
    })
}

#[test]
fn what_a_container_changed_is_told_without_what_was_mounted() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "-v data:/own/data")?;
        assert_eq!(lab.host("rnet diff c1")?, "");
        lab.host("rnet exec c1 sh -c 'rm /etc/group; echo >>/etc/passwd; mkdir /new; echo >/new/file; echo >/own/data/x; chmod 700 /www'")?;
        let told = "C /etc\nD /etc/group\nC /etc/passwd\nA /new\nA /new/file\nC /www";
        assert_eq!(lab.host("rnet diff c1")?, told);
        lab.host("rnet stop -t 0 c1")?;
        assert_eq!(lab.host("rnet diff c1")?, told);
        let missing = lab.try_host("rnet diff none")?.failure(1)?;
        assert!(missing.contains("No such container: none"), "{missing}");
        lab.host("rnet rm c1; rnet create --name c2 busybox true")?;
        assert_eq!(lab.host("rnet diff c2")?, "");
        lab.host("rnet rm c2; rnet volume rm data").map(drop)
    })
}

#[test]
fn what_a_container_has_is_exported_and_imported_as_an_image() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "-v data:/data")?;
        lab.host("rnet exec c1 sh -c 'echo own >/own; rm /etc/group; echo no >/data/no'")?;
        let ask = "curl -sS --unix-socket /run/rnet/rnet.sock http://d/containers";
        lab.host("rnet export c1 | rnet image import copy -")?;
        let seen = "cat /own; test -e /etc/group || echo gone; test -e /data/no || echo no data";
        let run = format!("rnet run --rm copy sh -c '{seen}'");
        assert_eq!(lab.host(&run)?, "own\ngone\nno data");
        let missing = lab.host(&format!("{ask}/none/export"))?;
        assert_eq!(missing, r#"{"message":"No such container: none"}"#);
        lab.host("rnet rm -f c1; rnet rmi copy; rnet volume rm data")
            .map(drop)
    })
}
