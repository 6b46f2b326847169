//! Images from a registry and to it: Debian's docker-registry, on the lab host's loopback.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::on_lab;
use crate::podman::{podman, put_away, set_up};

/// Where the registry is.
pub(crate) const REGISTRY: &str = "localhost:5000";

/// Serves an empty registry, on the lab host's loopback, with these lines of configuration more.
pub(crate) fn serve(lab: &Lab, more: &str) -> Result<()> {
    let program = lab.tool("docker-registry")?;
    let (program, directory) = (program.display(), lab.directory().display());
    lab.host(&format!(
        "cat >{directory}/registry.yml <<END
version: 0.1
log: {{ level: warn }}
storage: {{ filesystem: {{ rootdirectory: {directory}/registry }}, delete: {{ enabled: true }} }}
http: {{ addr: 'localhost:5000' }}
{more}
END
        {program} serve {directory}/registry.yml >{directory}/registry.log 2>&1 </dev/null & echo $! >{directory}/registry.pid"
    ))?;
    eventually(|| lab.host("curl -s -o /dev/null http://localhost:5000/")).map(drop)
}

/// Ends the registry; what it has stays.
pub(crate) fn end(lab: &Lab) -> Result<()> {
    let process = lab.host(&format!("cat {}/registry.pid", lab.directory().display()))?;
    lab.host(&format!("kill {process}"))?;
    eventually(|| lab.try_host(&format!("kill -0 {process}"))?.failure(1)).map(drop)
}

#[test]
fn an_image_comes_back_from_the_registry_as_it_went_there() -> Result<()> {
    on_lab(|lab| {
        serve(lab, "")?;
        let before = lab.contents()?;
        let id = lab.host("rnet image inspect -f '{{.Id}}' busybox")?;
        let name = format!("{REGISTRY}/team/app:1");
        lab.host(&format!("rnet tag busybox {name}"))?;
        let pushed = lab.host(&format!("rnet push {name}"))?;
        ensure!(
            pushed.starts_with(&format!(
                "The push refers to repository [{REGISTRY}/team/app]\n"
            )),
            "{pushed}"
        );
        ensure!(
            pushed.contains(": Pushed\n") && pushed.contains("\n1: digest: sha256:"),
            "{pushed}"
        );
        let again = lab.host(&format!("rnet push {name}"))?;
        ensure!(again.contains(": Layer already exists\n"), "{again}");
        let digests = |name: &str| {
            lab.host(&format!(
                "rnet image inspect -f '{{{{index .RepoDigests 0}}}}' {name}"
            ))
        };
        let pinned = digests(&name)?;
        lab.host(&format!("rnet rmi {name} busybox"))?;
        let ran = lab.try_host(&format!("rnet run --rm {name} echo here"))?;
        assert_eq!(ran.success()?, "here");
        let told = lab.try_host(&format!("rnet pull {name}"))?.success()?;
        ensure!(
            told.starts_with("1: Pulling from team/app\n") && told.contains(": Already exists\n"),
            "{told}"
        );
        ensure!(
            told.ends_with(&format!("Status: Image is up to date for {name}\n{name}")),
            "{told}"
        );
        assert_eq!(
            lab.host(&format!("rnet image inspect -f '{{{{.Id}}}}' {name}"))?,
            id
        );
        assert_eq!(digests(&name)?, pinned);
        let removed = lab.host(&format!("rnet rmi {name}"))?;
        ensure!(
            removed.starts_with(&format!(
                "Untagged: {name}\nUntagged: {pinned}\nDeleted: {id}"
            )),
            "{removed}"
        );
        lab.host(&format!("rnet pull -q {pinned}"))?;
        assert_eq!(
            lab.host(&format!(
                "rnet image inspect -f '{{{{.Id}}}} {{{{.RepoTags}}}}' {pinned}"
            ))?,
            format!("{id} []")
        );
        lab.host(&format!("rnet tag {id} busybox"))?;
        lab.host(&format!("rnet rmi {pinned}"))?;
        lab.assert_nothing_left(&before)?;
        end(lab)
    })
}

#[test]
fn a_missing_image_is_pulled_as_docker_does() -> Result<()> {
    on_lab(|lab| {
        serve(lab, "")?;
        let name = format!("{REGISTRY}/app");
        lab.host(&format!(
            "rnet tag busybox {name}; rnet push -q {name}; rnet rmi {name}"
        ))?;
        let never = lab
            .try_host(&format!("rnet run --rm --pull never {name} true"))?
            .failure(125)?;
        ensure!(
            never.contains(&format!("No such image: {name}:latest")),
            "{never}"
        );
        let ran = lab.try_host(&format!("rnet run --rm {name} echo ran"))?;
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "ran"));
        let expected =
            format!("Unable to find image '{name}:latest' locally\nlatest: Pulling from app\n");
        ensure!(ran.stderr.starts_with(&expected), "{}", ran.stderr);
        let always = lab.try_host(&format!("rnet run --rm --pull always {name} true"))?;
        ensure!(
            always.stderr.contains("Status: Image is up to date"),
            "{}",
            always.stderr
        );
        let none = lab
            .try_host(&format!("rnet create {REGISTRY}/none"))?
            .failure(125)?;
        ensure!(
            none.contains("manifest for localhost:5000/none:latest not found: manifest unknown"),
            "{none}"
        );
        lab.host(&format!("rnet rmi {name}"))?;
        end(lab)
    })
}

#[test]
fn podman_and_rnet_read_what_the_other_pushed() -> Result<()> {
    on_lab(|lab| {
        set_up(lab)?;
        serve(lab, "")?;
        let name = format!("{REGISTRY}/app");
        lab.host(&format!(
            "rnet tag busybox {name}:ours; rnet push {name}:ours"
        ))?;
        podman(lab, &format!("pull -q --tls-verify=false {name}:ours"))?;
        // podman's own are of two layers, compressed by zstd
        let file = lab.directory().join("Containerfile");
        std::fs::write(
            &file,
            format!("FROM {name}:ours\nCOPY Containerfile /etc/\nRUN rm -r /www\n"),
        )?;
        let directory = lab.directory().display();
        podman(
            lab,
            &format!(
                "build -q --isolation chroot -t {name}:theirs -f {directory}/Containerfile {directory}"
            ),
        )?;
        podman(
            lab,
            &format!("push -q --tls-verify=false --compression-format zstd {name}:theirs"),
        )?;
        let told = lab.host(&format!("rnet pull -a {name}"))?;
        ensure!(
            told.contains("ours: Pulling from app") && told.contains("theirs: Pulling from app"),
            "{told}"
        );
        let seen = lab.host(&format!("rnet run --rm {name}:theirs sh -c 'head -n 1 /etc/Containerfile; ls -d /www || echo gone'"))?;
        assert_eq!(seen, format!("FROM {name}:ours\ngone"));
        lab.host(&format!("rnet rmi {name}:ours {name}:theirs"))?;
        podman(lab, "rmi -a -f")?;
        lab.host("rm -r /var/lib/containers")?;
        put_away(lab)?;
        end(lab)
    })
}

#[test]
fn a_registry_with_passwords_lets_in_who_logged_in() -> Result<()> {
    on_lab(|lab| {
        let directory = lab.directory().display().to_string();
        // "secret" by bcrypt
        let users = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";
        lab.host(&format!("echo '{users}' >{directory}/users"))?;
        serve(
            lab,
            &format!("auth: {{ htpasswd: {{ realm: lab, path: {directory}/users }} }}"),
        )?;
        let name = format!("{REGISTRY}/app");
        let rnet = format!("DOCKER_CONFIG={directory}/docker rnet");
        lab.host(&format!("rnet tag busybox {name}"))?;
        let refused = lab.try_host(&format!("{rnet} push {name}"))?.failure(1)?;
        ensure!(
            refused.contains("unauthorized: authentication required by localhost:5000"),
            "{refused}"
        );
        let wrong = lab
            .try_host(&format!(
                "echo wrong | {rnet} login -u me --password-stdin {REGISTRY}"
            ))?
            .failure(1)?;
        ensure!(
            wrong.contains("unauthorized: incorrect username or password"),
            "{wrong}"
        );
        let welcome = lab.host(&format!(
            "echo secret | {rnet} login -u me --password-stdin {REGISTRY}"
        ))?;
        assert_eq!(welcome, "Login Succeeded");
        lab.host(&format!(
            "{rnet} push {name}; {rnet} rmi {name}; {rnet} pull {name}"
        ))?;
        lab.host(&format!("{rnet} logout {REGISTRY}"))?;
        let refused = lab.try_host(&format!("{rnet} pull {name}"))?.failure(1)?;
        ensure!(refused.contains("pull access denied for app, repository does not exist or may require 'docker login'"), "{refused}");
        lab.host(&format!("{rnet} rmi {name}"))?;
        end(lab)
    })
}
