//! The command line: which commands there are, and which code each of them ends with.

use clap::{Parser, Subcommand};

use crate::api::Api;
use crate::container::{
    attach, commit, cp, diff, exec, lifecycle, limits, logs, port, ps, run, start, stats, top,
};
use crate::error::Result;
use crate::host::{self, Host};
use crate::tls::Certificates;
use crate::{image, inspect, login, network, oci, sandbox, system, volume};

/// Containers and the networks between them
#[derive(Parser)]
#[command(name = "rnet", version)]
pub(crate) struct Line {
    /// Where netd listens: unix:///path/to/rnet.sock or tcp://NAME:PORT
    #[arg(short = 'H', long, global = true, help_heading = "Daemon", env = "RNET_HOST", default_value = host::DEFAULT)]
    host: Host,
    #[command(flatten)]
    certificates: Certificates,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Manage networks
    #[command(subcommand)]
    Network(network::Command),
    /// Manage images
    #[command(subcommand)]
    Image(image::Command),
    /// Manage volumes
    #[command(subcommand)]
    Volume(volume::Command),
    /// Manage what rnet takes up, and see what it does
    #[command(subcommand)]
    System(system::Command),
    /// Manage network namespaces of other runtimes that are on rnet's networks
    #[command(subcommand)]
    Sandbox(sandbox::Command),
    Run(Box<run::Run>),
    Create(Box<run::Create>),
    Start(start::Start),
    Stop(lifecycle::Stop),
    Restart(lifecycle::Restart),
    Kill(lifecycle::Kill),
    Pause(lifecycle::Pause),
    Unpause(lifecycle::Unpause),
    Update(limits::Update),
    Wait(lifecycle::Wait),
    Rm(lifecycle::Remove),
    Rename(lifecycle::Rename),
    Exec(exec::Exec),
    Cp(cp::Copy),
    Diff(diff::Diff),
    Export(image::archive::Export),
    Commit(commit::Commit),
    ExecIn(Box<sandbox::ExecIn>),
    Attach(attach::Attach),
    Logs(logs::Logs),
    Ps(ps::Ps),
    Stats(stats::Stats),
    Top(top::Top),
    Port(port::Port),
    /// Show all about containers, networks, images or volumes, as JSON
    Inspect(inspect::InspectAny),
    #[command(hide = true)]
    Images(image::List),
    #[command(hide = true)]
    Rmi(image::Remove),
    Oci(oci::Oci),
    OciHook(sandbox::OciHook),
    Pull(image::transfer::Pull),
    Push(image::transfer::Push),
    Login(login::Login),
    Logout(login::Logout),
    Load(image::archive::Load),
    Save(image::archive::Save),
    #[command(hide = true)]
    Tag(image::Tag),
    #[command(hide = true)]
    History(image::history::History),
    Events(system::Events),
    Info(system::Info),
    Version(system::Version),
}

impl Line {
    /// Does what the line says; the exit code is the command's own, or the container's.
    pub(crate) async fn run(self) -> Result<u8> {
        let api = &Api::new(self.host, &self.certificates)?;
        match self.command {
            Command::Network(command) => command.run(api).await,
            Command::Image(command) => command.run(api).await,
            Command::Volume(command) => command.run(api).await,
            Command::Sandbox(command) => command.run(api).await,
            Command::Run(command) => command.run(api).await,
            Command::Create(command) => command.run(api).await,
            Command::Start(command) => command.run(api).await,
            Command::Stop(command) => command.run(api).await,
            Command::Restart(command) => command.run(api).await,
            Command::Kill(command) => command.run(api).await,
            Command::Pause(command) => command.run(api).await,
            Command::Unpause(command) => command.run(api).await,
            Command::Update(command) => command.run(api).await,
            Command::Wait(command) => command.run(api).await,
            Command::Rm(command) => command.run(api).await,
            Command::Rename(command) => command.run(api).await,
            Command::Cp(command) => command.run(api).await,
            Command::Diff(command) => command.run(api).await,
            Command::Export(command) => command.run(api).await,
            Command::Commit(command) => command.run(api).await,
            Command::System(command) => command.run(api).await,
            Command::Exec(command) => command.run(api).await,
            Command::ExecIn(command) => command.run(api).await,
            Command::Attach(command) => command.run(api).await,
            Command::Logs(command) => command.run(api).await,
            Command::Ps(command) => command.run(api).await,
            Command::Stats(command) => command.run(api).await,
            Command::Top(command) => command.run(api).await,
            Command::Port(command) => command.run(api).await,
            Command::Inspect(command) => command.run(api).await,
            Command::Images(command) => command.run(api).await,
            Command::Rmi(command) => command.run(api).await,
            Command::Oci(command) => command.run(),
            Command::OciHook(command) => command.run(api).await,
            Command::Pull(command) => command.run(api).await,
            Command::Push(command) => command.run(api).await,
            Command::Login(command) => command.run(api).await,
            Command::Logout(command) => command.run(),
            Command::Load(command) => command.run(api).await,
            Command::Save(command) => command.run(api).await,
            Command::Tag(command) => command.run(api).await,
            Command::History(command) => command.run(api).await,
            Command::Events(command) => command.run(api).await,
            Command::Info(command) => command.run(api).await,
            Command::Version(command) => command.run(api).await,
        }
    }

    /// The exit code for a command that failed. Where a container's own code is expected, ours
    /// must not look like one (docker.md 4.3).
    pub(crate) const fn failure_code(&self) -> u8 {
        match self.command {
            Command::Run(_) | Command::Create(_) | Command::ExecIn(_) => 125,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }
}
