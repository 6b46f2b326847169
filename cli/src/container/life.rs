//! How the container lives on: options of `run` and `create` for restarts, logs and healthchecks.

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfigLogConfig, RestartPolicy, RestartPolicyNameEnum,
};
use clap::Args;

use crate::parse::pair::{self, Pair};
use crate::parse::restart::{Duration, Restart};

/// How the container lives on.
#[derive(Args)]
#[command(next_help_heading = "Life")]
pub(crate) struct Life {
    /// Start it again when it ends: no, always, unless-stopped or on-failure[:TIMES]
    #[arg(long, value_name = "POLICY")]
    restart: Option<Restart>,
    /// Keep its output so: json-file, local or none
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,
    /// Set an option of that, such as max-size=10m, max-file=3, compress=true, tag='{{.Name}}', labels=… or env=…
    #[arg(long, value_name = "KEY=VALUE")]
    log_opt: Vec<Pair>,
    /// Find out by this command of a shell whether it does well
    #[arg(long, value_name = "COMMAND", conflicts_with = "no_healthcheck")]
    health_cmd: Option<String>,
    /// Find out so often [default: 30s]
    #[arg(long, value_name = "DURATION")]
    health_interval: Option<Duration>,
    /// Count it as a failure when that takes longer [default: 30s]
    #[arg(long, value_name = "DURATION")]
    health_timeout: Option<Duration>,
    /// Take it for unhealthy after so many failures in a row [default: 3]
    #[arg(long, value_name = "NUMBER")]
    health_retries: Option<i64>,
    /// Count no failures for so long after its start
    #[arg(long, value_name = "DURATION")]
    health_start_period: Option<Duration>,
    /// Find out so often until it did well for the first time, in that time [default: 5s]
    #[arg(long, value_name = "DURATION")]
    health_start_interval: Option<Duration>,
    /// Do without the image's healthcheck
    #[arg(long)]
    no_healthcheck: bool,
}

impl Life {
    /// Writes it into what a container is created with.
    pub(crate) fn set(self, body: &mut ContainerCreateBody) {
        let host = body.host_config.get_or_insert_default();
        host.restart_policy = self.restart.map(Restart::policy);
        let log = HostConfigLogConfig {
            typ: self.log_driver,
            config: Some(pair::map(&self.log_opt)).filter(|options| !options.is_empty()),
        };
        host.log_config = Some(log).filter(|log| *log != HostConfigLogConfig::default());
        let nanos = |it: Option<Duration>| it.map(|it| it.0);
        let check = HealthConfig {
            test: match self.no_healthcheck {
                true => Some(vec!["NONE".to_owned()]),
                false => self.health_cmd.map(|it| vec!["CMD-SHELL".to_owned(), it]),
            },
            interval: nanos(self.health_interval),
            timeout: nanos(self.health_timeout),
            retries: self.health_retries,
            start_period: nanos(self.health_start_period),
            start_interval: nanos(self.health_start_interval),
        };
        body.healthcheck = Some(check).filter(|check| *check != HealthConfig::default());
    }
}

impl Restart {
    /// As the API wants it.
    pub(crate) fn policy(self) -> RestartPolicy {
        let (name, times) = match self {
            Self::No => (RestartPolicyNameEnum::NO, 0),
            Self::Always => (RestartPolicyNameEnum::ALWAYS, 0),
            Self::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, 0),
            Self::OnFailure(times) => (RestartPolicyNameEnum::ON_FAILURE, times),
        };
        RestartPolicy {
            name: Some(name),
            maximum_retry_count: Some(times),
        }
    }
}
