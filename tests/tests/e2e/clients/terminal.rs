//! Docker's command at a terminal.

use anyhow::Result;

use super::{Docker, with_docker};

/// Runs a command line at a terminal of 33 lines and 99 columns, and types texts into it, each once the words before it are on the
/// screen; the screen, and the exit code.
fn at_terminal(docker: &Docker<'_>, line: &str, typed: &[(&str, &str)]) -> Result<(String, i32)> {
    let directory = docker.lab.directory().display();
    let command = docker.command(line);
    let typed: String = typed
        .iter()
        .map(|(shown, text)| {
            format!("until grep -qF '{shown}' screen; do sleep 0.05; done; printf '{text}' >&3\n")
        })
        .collect();
    let ran = docker.lab.try_host(&format!(
        "cd {directory}; rm -f keys screen; mkfifo keys
         script -qefc 'stty rows 33 cols 99; exec env {command}' screen <keys >/dev/null &
         exec 3>keys
         {typed}
         wait $!; code=$?; cat screen; exit $code"
    ))?;
    Ok((ran.stdout, ran.code))
}

#[test]
fn docker_runs_a_shell_at_a_terminal_with_its_size_and_exit_code() -> Result<()> {
    with_docker(|docker| {
        let typed = [
            ("/ #", "stty size; tty; echo $((40+2))\\n"),
            ("42", "exit 7\\n"),
        ];
        let (screen, code) = at_terminal(docker, "run -it --rm busybox sh", &typed)?;
        assert!(
            screen.contains("33 99") && screen.contains("/dev/pts/0"),
            "{screen}"
        );
        assert_eq!(code, 7, "{screen}");
        assert_eq!(docker.run("ps -aq")?, "");
        Ok(())
    })
}

#[test]
fn docker_leaves_a_terminal_and_comes_back_to_it() -> Result<()> {
    with_docker(|docker| {
        let leave = [("/ #", "echo $((40+2))\\n"), ("42", "\\020\\021")];
        let (screen, code) = at_terminal(docker, "run -it --name c1 busybox sh", &leave)?;
        assert_eq!(code, 0, "{screen}");
        assert_eq!(docker.run("inspect -f '{{.State.Running}}' c1")?, "true");
        // the shell shows itself once it is asked something
        let keys = "attach --detach-keys ctrl-a,x c1";
        let back = [("", "echo $((50+2))\\n"), ("52", "\\001x")];
        let (screen, code) = at_terminal(docker, keys, &back)?;
        assert!(code <= 1 && screen.contains("52"), "{screen}");
        let end = [("", "exit 5\\n")];
        let (screen, code) = at_terminal(docker, "attach c1", &end)?;
        assert_eq!(code, 5, "{screen}");
        Ok(())
    })
}

#[test]
fn docker_executes_at_a_terminal() -> Result<()> {
    with_docker(|docker| {
        docker.run("run -d --name c1 busybox sleep 1000")?;
        let typed = [("/ #", "stty size; exit 3\\n")];
        let (screen, code) = at_terminal(
            docker,
            "exec -it -e A=b -w /tmp c1 sh",
            &[("/tmp #", typed[0].1)],
        )?;
        assert!(screen.contains("33 99"), "{screen}");
        assert_eq!(code, 3, "{screen}");
        assert_eq!(docker.run("exec -e A=b c1 sh -c 'echo $A'")?, "b");
        assert_eq!(
            docker
                .lab
                .host(&format!("echo in | {}", docker.command("exec -i c1 cat")))?,
            "in"
        );
        docker.run("exec -d c1 touch /detached")?;
        Ok(())
    })
}
