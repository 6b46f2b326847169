//! What a container may do, and the ways out that it tries.

use anyhow::{Result, ensure};

use crate::{idle, on_lab, refuses};
use rnet_tests::Lab;

/// What a shell in a container of these flags says, on both streams.
fn tried(lab: &Lab, flags: &str, script: &str) -> Result<String> {
    let ran = lab.try_host(&format!(
        "rnet run --rm {flags} busybox sh -c '{script}' 2>&1"
    ))?;
    Ok(ran.stdout)
}

#[test]
fn system_calls_are_filtered_unless_the_user_says_otherwise() -> Result<()> {
    on_lab(|lab| {
        let script = "grep Seccomp: /proc/self/status; unshare -U echo out; mount -t proc p /tmp; echo lives";
        let default = tried(lab, "", script)?;
        ensure!(
            default.contains("Seccomp:\t2") && default.contains("lives"),
            "{default}"
        );
        ensure!(
            default.contains("unshare: unshare(0x10000000): Operation not permitted"),
            "{default}"
        );
        ensure!(!default.contains("out\n"), "{default}");
        let open = tried(lab, "--security-opt seccomp=unconfined", script)?;
        ensure!(
            open.contains("Seccomp:\t0") && open.contains("out\n"),
            "{open}"
        );
        let nothing_new = tried(
            lab,
            "--user nobody --security-opt no-new-privileges",
            script,
        )?;
        ensure!(nothing_new.contains("Seccomp:\t2"), "{nothing_new}");

        let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}"#;
        std::fs::write(lab.directory().join("profile.json"), profile)?;
        let file = lab.directory().join("profile.json");
        let own = format!("--security-opt seccomp={}", file.display());
        let denied = tried(lab, &own, "mkdir /tmp/x; unshare -U echo out")?;
        ensure!(
            denied.contains("No space left") && denied.contains("out"),
            "{denied}"
        );
        idle(lab, "c1", &own)?;
        let within = lab.try_host("rnet exec c1 mkdir /tmp/x")?;
        ensure!(within.stderr.contains("No space left"), "{}", within.stderr);
        for refused in [
            "seccomp={}",
            "seccomp=/etc/none.json",
            "apparmor=x",
            "sandbox",
        ] {
            let ran = lab.try_host(&format!("rnet run --security-opt {refused} busybox true"))?;
            ensure!(ran.code == 125, "{refused}: {ran:?}");
        }
        Ok(())
    })
}

#[test]
fn devices_are_those_asked_for_and_their_files_cannot_be_changed() -> Result<()> {
    on_lab(|lab| {
        let script = "mknod /dev/mine c 1 3; echo x >/dev/mine; mknod /tmp/mine b 7 0; dd if=/tmp/mine of=/dev/null \
                      count=1; echo x >/dev/null; chmod 777 /dev/null; chown 1 /dev/zero; ls /dev/loop0";
        let default = tried(lab, "", script)?;
        ensure!(
            default.contains("create /dev/mine: Permission denied"),
            "{default}"
        );
        ensure!(
            default.contains("open '/tmp/mine': Permission denied"),
            "{default}"
        );
        ensure!(default.contains("chmod: /dev/null: Read-only"), "{default}");
        ensure!(default.contains("chown: /dev/zero: Read-only"), "{default}");
        ensure!(default.contains("/dev/loop0: No such file"), "{default}");

        // what a rule lets be used, and no more; the filter, for no mount forbids it
        let ruled = "mknod /dev/mine c 1 5 && head -c 3 /dev/mine | wc -c; mknod /dev/disk b 7 0; head -c1 /dev/disk";
        let rules = tried(lab, "--device-cgroup-rule \"c 42:* rwm\"", ruled)?;
        ensure!(rules.starts_with('3'), "{rules}");
        ensure!(
            rules.contains("/dev/disk: Operation not permitted"),
            "{rules}"
        );
        let given = tried(
            lab,
            "--cap-add SYSLOG --device /dev/kmsg:/dev/log:r",
            "head -c1 /dev/log >/dev/null && echo read; echo x >/dev/log",
        )?;
        ensure!(
            given.starts_with("read") && given.contains("create /dev/log: Operation not permitted"),
            "{given}"
        );
        let none = lab.try_host("rnet run --device /dev/none busybox true")?;
        ensure!(
            none.stderr.contains("error gathering device information"),
            "{none:?}"
        );
        Ok(())
    })
}

#[test]
fn parts_of_the_kernel_are_hidden_or_cannot_be_written() -> Result<()> {
    on_lab(|lab| {
        let script = "echo 1 >/proc/sys/kernel/domainname; echo 1 >/proc/irq/default_smp_affinity; cat /proc/interrupts | wc -c; \
                      ls /sys/firmware | wc -l; echo 1 >/sys/kernel/mm/ksm/run; umount /proc/interrupts";
        let default = tried(lab, "", script)?;
        ensure!(
            default.matches("Read-only file system").count() == 3,
            "{default}"
        );
        ensure!(
            default.contains("\n0\n0\n") && default.contains("umount: "),
            "{default}"
        );
        let shown = "rnet inspect -f '{{.HostConfig.MaskedPaths}} {{.HostConfig.Privileged}}' c1";
        idle(lab, "c1", "--privileged")?;
        ensure!(
            lab.host(shown)?.ends_with("[] true"),
            "{}",
            lab.host(shown)?
        );
        let all = "rnet exec c1 sh -c 'grep -E CapEff\\|Seccomp: /proc/self/status; mount -t tmpfs t /mnt && echo mounted; \
                   ls /dev/loop0; echo a >/proc/sys/kernel/domainname; test -w /sys/kernel && echo writable'";
        lab.host("rnet exec c1 mkdir /mnt")?;
        let all = lab.host(all)?;
        ensure!(
            all.contains("mounted") && all.contains("/dev/loop0\n") && all.contains("Seccomp:\t0"),
            "{all}"
        );
        ensure!(all.ends_with("writable"), "{all}");
        idle(lab, "c2", "--cap-drop ALL")?;
        let powers = "rnet exec {} c2 grep CapEff /proc/self/status";
        ensure!(
            lab.host(&powers.replace("{}", ""))?
                .ends_with("0000000000000000")
        );
        ensure!(
            !lab.host(&powers.replace("{}", "--privileged"))?
                .ends_with("0000000000000000")
        );
        Ok(())
    })
}

#[test]
fn processes_have_the_limits_users_and_variables_asked_for() -> Result<()> {
    on_lab(|lab| {
        let flags = "--ulimit nofile=64:128 --ulimit core=0 --shm-size 8m --oom-score-adj 500 --sysctl kernel.msgmax=4096 \
                     --user nobody --group-add 7 --group-add root --tmpfs /scratch:size=1m";
        let script = "ulimit -n; ulimit -Hn; df -k /dev/shm /scratch | tr -s \" \" | cut -d \" \" -f2; \
                      cat /proc/self/oom_score_adj /proc/sys/kernel/msgmax; id -u; id -G";
        let said = tried(lab, flags, script)?;
        ensure!(
            said == "64\n128\n1K-blocks\n8192\n1024\n500\n4096\n65534\n65534 0 7",
            "{said}"
        );
        for (flags, why) in [
            ("--ulimit nofile=9:8", "soft limit must be less"),
            ("--ulimit bogus=1", "invalid ulimit type: bogus"),
            (
                "--sysctl kernel.panic=1",
                "is not in a separate kernel namespace",
            ),
            ("--oom-score-adj 1001", "range for oom score adj"),
            (
                "--device-cgroup-rule x",
                "invalid device cgroup rule format",
            ),
        ] {
            refuses(lab, flags, why)?;
        }
        Ok(())
    })
}

#[test]
fn a_first_process_of_ours_passes_on_signals_and_leaves_no_zombies() -> Result<()> {
    on_lab(|lab| {
        let script = "trap \"echo heard; exit 7\" TERM; (sleep 0.1 & ) ; echo $$; while :; do sleep 0.1; done";
        lab.host(&format!(
            "rnet run -d --init --name c1 busybox sh -c '{script}'"
        ))?;
        lab.host("rnet exec c1 grep -q rnet-init /proc/1/comm")?;
        rnet_tests::eventually(|| {
            let zombies = lab.host("rnet exec c1 ps -o stat,comm")?;
            ensure!(
                !zombies.contains('Z') && !lab.host("rnet logs c1")?.starts_with("1\n"),
                "{zombies}"
            );
            Ok(())
        })?;
        lab.host("rnet stop c1")?;
        ensure!(
            lab.host("rnet inspect -f '{{.State.ExitCode}} {{.HostConfig.Init}}' c1")? == "7 true"
        );
        ensure!(lab.host("rnet logs c1")?.ends_with("heard"));
        let missing = lab.try_host("rnet run --rm --init busybox nothing")?;
        ensure!(
            missing.code == 127 && missing.stderr.contains("executable file not found"),
            "{missing:?}"
        );
        ensure!(
            lab.try_host("rnet run --rm --init busybox sh -c 'kill -9 $$'")?
                .code
                == 137
        );
        Ok(())
    })
}
