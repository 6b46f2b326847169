//! Healthchecks: a command run in a container again and again, and what its exit codes say (moby, daemon/health.go).
//!
//! ```text
//! starting --exit 0--> healthy --`retries` failures in a row--> unhealthy --exit 0--> healthy
//!     +---------------`retries` failures after the start period-----^
//! ```
//!
//! They live as long as the daemon: the next one begins with `starting` again.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bollard_stubs::models::{Health, HealthConfig, HealthStatusEnum as Status, HealthcheckResult};
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rnet_model::ContainerId;
use rnet_runtime_glue::ExecStream;
use rnet_runtime_glue::image::Healthcheck;
use rnet_runtime_glue::spec::{ExecSpec, Process};

use super::Daemon;
use super::container::environment;
use crate::container::{Container, Run};
use crate::error::{Error, Result};

/// How many results are kept, and how much of the output of each, in bytes.
const KEPT: usize = 5;
const LONGEST_OUTPUT: usize = 4096;

/// What is known of the containers that have a healthcheck and run.
#[derive(Default)]
pub(super) struct Checks(Mutex<HashMap<ContainerId, Known>>);

/// What is known of one run of one container.
#[derive(Clone, Debug)]
struct Known {
    run: Timestamp,
    status: Status,
    streak: i64,
    log: VecDeque<HealthcheckResult>,
}

/// A healthcheck as it is carried out.
#[derive(Clone, Debug)]
struct Check {
    command: Vec<String>,
    interval: Duration,
    timeout: Duration,
    start_period: Duration,
    start_interval: Duration,
    retries: i64,
}

impl Checks {
    fn lock(&self) -> MutexGuard<'_, HashMap<ContainerId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    /// What a container's configuration asks for; none where it asks for nothing.
    fn of(container: &Container) -> Option<Self> {
        let config = container.config.healthcheck.as_ref()?;
        let test = config.test.as_deref().unwrap_or_default();
        let command = match test.split_first() {
            Some((kind, command)) if kind == "CMD" => command.to_vec(),
            Some((kind, words)) if kind == "CMD-SHELL" => {
                let shell = container.config.shell.clone().filter(|it| !it.is_empty());
                let shell = shell.unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]);
                shell.into_iter().chain([words.join(" ")]).collect()
            }
            _ => return None,
        };
        let time = |nanos: Option<i64>, usual| {
            let nanos = nanos
                .and_then(|it| u64::try_from(it).ok())
                .filter(|it| *it != 0);
            nanos.map_or(usual, Duration::from_nanos)
        };
        Some(Self {
            command,
            interval: time(config.interval, Duration::from_secs(30)),
            timeout: time(config.timeout, Duration::from_secs(30)),
            start_period: time(config.start_period, Duration::ZERO),
            start_interval: time(config.start_interval, Duration::from_secs(5)),
            retries: config.retries.filter(|it| *it > 0).unwrap_or(3),
        })
    }

    /// How long to wait for the next probe.
    fn pause(&self, status: Status, since_start: Duration) -> Duration {
        match status {
            Status::STARTING if since_start < self.start_period => self.start_interval,
            _ => self.interval,
        }
    }
}

impl Known {
    /// Takes in a result; whether the status has changed.
    fn learn(&mut self, check: &Check, since_start: Duration, result: HealthcheckResult) -> bool {
        let before = self.status;
        if result.exit_code == Some(0) {
            (self.streak, self.status) = (0, Status::HEALTHY);
        } else if before != Status::STARTING || since_start >= check.start_period {
            self.streak += 1;
            if self.streak >= check.retries {
                self.status = Status::UNHEALTHY;
            }
        }
        self.log.push_back(result);
        if self.log.len() > KEPT {
            self.log.pop_front();
        }
        self.status != before
    }
}

/// Refuses a healthcheck that cannot be carried out (moby, daemon/container.go, `validateHealthCheck`).
pub(super) fn check(config: &HealthConfig) -> Result<()> {
    let times = [
        ("Interval", config.interval),
        ("Timeout", config.timeout),
        ("StartPeriod", config.start_period),
        ("StartInterval", config.start_interval),
    ];
    for (name, nanos) in times {
        // a probe is a process, which takes a millisecond at least
        if nanos.is_some_and(|nanos| nanos != 0 && nanos < 1_000_000) {
            return Err(Error::invalid(format!(
                "{name} in Healthcheck cannot be less than 1ms"
            )));
        }
    }
    if config.retries.is_some_and(|retries| retries < 0) {
        return Err(Error::invalid("Retries in Healthcheck cannot be negative"));
    }
    match config.test.as_deref().unwrap_or_default() {
        [] => Ok(()),
        [kind] if kind == "NONE" => Ok(()),
        [kind, ..] if kind == "CMD" || kind == "CMD-SHELL" => Ok(()),
        [kind, ..] => Err(Error::invalid(format!(
            "Unknown healthcheck type {kind:?} (expected 'CMD', 'CMD-SHELL' or 'NONE')"
        ))),
    }
}

/// A healthcheck as asked for, with what the image's says where it says nothing.
pub(super) fn merge(
    asked: Option<HealthConfig>,
    image: Option<&Healthcheck>,
) -> Option<HealthConfig> {
    let Some(image) = image else { return asked };
    let asked = asked.unwrap_or_default();
    let number = |own: Option<i64>, image| own.filter(|it| *it != 0).or(Some(image));
    let test = asked.test.filter(|test| !test.is_empty());
    Some(HealthConfig {
        test: test.or_else(|| Some(image.test.clone())),
        interval: number(asked.interval, image.interval),
        timeout: number(asked.timeout, image.timeout),
        retries: number(asked.retries, image.retries),
        start_period: number(asked.start_period, image.start_period),
        start_interval: number(asked.start_interval, image.start_interval),
    })
}

impl Daemon {
    /// What is known of a container's health; none where nobody asks it, or it does not run.
    pub fn health(&self, container: &Container) -> Option<Health> {
        let checks = self.healths.lock();
        let known = checks.get(&container.id)?;
        let own = matches!(container.run, Run::Running { started, .. } if started == known.run);
        own.then(|| Health {
            status: Some(known.status),
            failing_streak: Some(known.streak),
            log: Some(known.log.iter().cloned().collect()),
        })
    }

    /// Asks a container that runs for its health until its run ends, if it has a healthcheck.
    pub(super) fn check_health(self: &Arc<Self>, container: &Container) {
        let (Some(check), Run::Running { started, .. }) = (Check::of(container), &container.run)
        else {
            return;
        };
        let known = Known {
            run: *started,
            status: Status::STARTING,
            streak: 0,
            log: VecDeque::new(),
        };
        self.healths.lock().insert(container.id, known);
        let (daemon, id, run) = (Arc::clone(self), container.id, *started);
        self.tasks.spawn(async move {
            loop {
                let since_start = || Timestamp::now().duration_since(run).unsigned_abs();
                let Some(status) = daemon.status(id, run) else {
                    return;
                };
                tokio::time::sleep(check.pause(status, since_start())).await;
                let (daemon, check) = (Arc::clone(&daemon), check.clone());
                let probed = tokio::task::spawn_blocking(move || daemon.probe(id, run, &check));
                if !probed.await.unwrap_or(false) {
                    return;
                }
            }
        });
    }

    fn status(&self, id: ContainerId, run: Timestamp) -> Option<Status> {
        let known = self.healths.lock().get(&id).map(|it| (it.run, it.status));
        known.filter(|known| known.0 == run).map(|known| known.1)
    }

    /// Asks once; false when the run has ended.
    fn probe(self: &Arc<Self>, id: ContainerId, run: Timestamp, check: &Check) -> bool {
        let same =
            |it: &Container| matches!(it.run, Run::Running { started, .. } if started == run);
        let container = self.read(|state| state.container(id).filter(|it| same(it)).cloned());
        let Some(container) = container else {
            let mut checks = self.healths.lock();
            if checks.get(&id).is_some_and(|known| known.run == run) {
                checks.remove(&id);
            }
            return false;
        };
        if container.run.is_paused() {
            return true;
        }
        let start = Timestamp::now();
        let (code, output) = self
            .run_check(&container, check)
            .unwrap_or_else(|error| (-1, error.chain()));
        let still = self.read(|state| state.container(id).is_some_and(same));
        if !still {
            return true; // what ended with the container says nothing of it
        }
        let result = HealthcheckResult {
            start: Some(start.to_string()),
            end: Some(Timestamp::now().to_string()),
            exit_code: Some(code),
            output: Some(output),
        };
        let since_start = start.duration_since(run).unsigned_abs();
        let changed = self.healths.lock().get_mut(&id).and_then(|known| {
            let changed = known.run == run && known.learn(check, since_start, result);
            changed.then_some(known.status)
        });
        match changed {
            Some(Status::HEALTHY) => {
                self.tell_of_container("health_status: healthy", &container, [])
            }
            Some(_) => self.tell_of_container("health_status: unhealthy", &container, []),
            None => {}
        }
        true
    }

    fn run_check(&self, container: &Container, check: &Check) -> Result<(i64, String)> {
        let config = &container.config;
        let cwd = config.working_dir.clone().filter(|it| !it.is_empty());
        let spec = ExecSpec {
            process: Process {
                args: check.command.clone(),
                env: environment(container, false),
                cwd: cwd.unwrap_or_else(|| "/".to_owned()),
                user: config.user.clone().unwrap_or_default(),
                additional_groups: container.host_config.group_add.clone().unwrap_or_default(),
                tty: false,
            },
            open_stdin: false,
            privileged: false,
        };
        let mut probe = self.runtime.exec(&container.id, &spec)?;
        let (output, in_time) = read_within(&mut probe, check.timeout);
        if !in_time {
            // its end is not told yet, so the number is still its own
            let _ = kill(Pid::from_raw(probe.pid.cast_signed()), Signal::SIGKILL);
            probe.exit.wait()?;
            let limit = check.timeout;
            return Ok((
                -1,
                format!("Health check exceeded timeout ({limit:?}): {output}"),
            ));
        }
        Ok((probe.exit.wait()?.into(), output))
    }
}

/// What a program puts out, on both streams, and whether it ended in time.
fn read_within(probe: &mut ExecStream, timeout: Duration) -> (String, bool) {
    let deadline = Instant::now() + timeout;
    let (mut bytes, mut block) = (Vec::new(), [0; 4096]);
    let in_time = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || probe.stream.set_read_timeout(Some(left)).is_err() {
            break false;
        }
        match probe.stream.read(&mut block) {
            Ok(0) => break true,
            Ok(length) if bytes.len() < 2 * LONGEST_OUTPUT => {
                bytes.extend_from_slice(&block[..length])
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break true,
        }
    };
    (text(&bytes), in_time)
}

/// The text in frames of output, up to the longest that is kept.
fn text(mut frames: &[u8]) -> String {
    let mut output = Vec::new();
    while let [_, _, _, _, a, b, c, d, rest @ ..] = frames {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (part, after) = rest.split_at(length.min(rest.len()));
        output.extend_from_slice(part);
        frames = after;
    }
    output.truncate(LONGEST_OUTPUT);
    String::from_utf8_lossy(&output).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_in_a_row_and_after_the_start_period_only() {
        let check = Check {
            command: Vec::new(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            start_period: Duration::from_secs(10),
            start_interval: Duration::from_secs(1),
            retries: 2,
        };
        let mut known = Known {
            run: Timestamp::now(),
            status: Status::STARTING,
            streak: 0,
            log: VecDeque::new(),
        };
        let mut learn = |seconds, code| {
            let result = HealthcheckResult {
                exit_code: Some(code),
                ..HealthcheckResult::default()
            };
            let changed = known.learn(&check, Duration::from_secs(seconds), result);
            (known.status, known.streak, changed)
        };
        assert_eq!(learn(1, 1), (Status::STARTING, 0, false));
        assert_eq!(learn(2, 0), (Status::HEALTHY, 0, true));
        assert_eq!(learn(3, 1), (Status::HEALTHY, 1, false));
        assert_eq!(learn(4, 0), (Status::HEALTHY, 0, false));
        assert_eq!(learn(5, 1), (Status::HEALTHY, 1, false));
        assert_eq!(learn(6, -1), (Status::UNHEALTHY, 2, true));
        assert_eq!(learn(7, 0), (Status::HEALTHY, 0, true));
        assert_eq!(known.log.len(), KEPT);
    }
}
