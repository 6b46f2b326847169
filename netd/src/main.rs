//! `netd`, the daemon: build, run, drain.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Parser;
use netd::config::{Config, FirewallBackend, Flags};
use netd::daemon::{Daemon, Hands, Settings};
use netd::listen::{listen, put_away};
use netd::plugin::Door;
use netd::{api, store};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rnet_kernel::{Firewall, Iptables, Netlink, Nftables};
use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

fn main() -> Result<()> {
    let config = Flags::parse().settle()?;
    log();
    rnet_runtime_glue::share_heaps();
    if !nix::unistd::geteuid().is_root() {
        bail!("netd needs root, to make network namespaces, links and rules: run it as root");
    }
    allow_many_files();
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let (daemon, listeners) = build(&config, runtime.handle())?;
    let door = runtime.block_on(async { dockers_door(config.plugin_socket.as_deref()) });
    runtime.block_on(run(Arc::clone(&daemon), listeners, door))?;
    runtime.block_on(daemon.drain_names());
    daemon.rest();
    tracing::info!("drained");
    put_away(&config.hosts);
    Ok(())
}

/// Everything that can refuse to start does so here, before the first client is served.
fn build(config: &Config, tasks: &Handle) -> Result<(Arc<Daemon>, Vec<api::Listener>)> {
    let _context = tasks.enter();
    let mut listeners = Vec::new();
    let opened = config.hosts.iter().try_for_each(|host| {
        listeners.push(listen(host, config.tls.as_ref())?);
        Ok(())
    });
    // the sockets of another netd stay: only those made here are put away
    let made = &config.hosts[..listeners.len()];
    let daemon = opened.and_then(|()| open(config, tasks));
    let daemon = daemon.inspect_err(|_| put_away(made))?;
    Ok((daemon, listeners))
}

fn open(config: &Config, tasks: &Handle) -> Result<Arc<Daemon>> {
    let store = store::Durable::open(&config.state_dir, &config.run_dir)?;
    let netlink = Arc::new(Netlink::open(&config.run_dir)?);
    let hands = Hands {
        kernel: netlink.clone(),
        firewall: firewall(config.firewall)?,
        host: netlink,
    };
    let settings = Settings {
        state_dir: config.state_dir.clone(),
        run_dir: config.run_dir.clone(),
        pools: config.pools.clone(),
        default_bridge: config.bridge.clone(),
        default_network_options: config.network_options.clone(),
        default_log: config.log.clone(),
        plugins: config.plugins.clone(),
        cgroup_parent: config.cgroup_parent.clone(),
        registries: config.registries.clone(),
    };
    let shim = config.shim.clone();
    Ok(Daemon::open(
        settings,
        hands,
        Arc::new(store),
        shim,
        tasks.clone(),
    )?)
}

fn firewall(backend: FirewallBackend) -> Result<Arc<dyn Firewall>> {
    Ok(match backend {
        FirewallBackend::Nftables => Arc::new(Nftables::open()?),
        FirewallBackend::Iptables => Arc::new(Iptables::open()?),
    })
}

/// Serves until it is told to stop; requests under way are finished.
async fn run(daemon: Arc<Daemon>, listeners: Vec<api::Listener>, door: Option<Door>) -> Result<()> {
    let closing = CancellationToken::new();
    let close = closing.clone().drop_guard();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: containers go on, requests under way are finished");
        drop(close);
        // no supervisor to tell is no failure
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    };
    rnet_runtime_glue::trim_heaps();
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tracing::info!("ready");
    let dockers = async {
        if let Some(door) = door {
            door.serve(Arc::clone(&daemon), closing).await;
        }
    };
    let serve = async {
        let served = api::serve(listeners, Arc::clone(&daemon), stop);
        tokio::join!(served, dockers).0
    };
    let served = tokio::select! {
        served = serve => served,
        // names resolve without it, by what the host's resolv.conf said last
        never = follow(Arc::clone(&daemon)) => match never {},
    };
    served.context("cannot serve the API")
}

/// Lets containers follow the host's resolv.conf, for as long as it is polled.
async fn follow(daemon: Arc<Daemon>) -> Infallible {
    if let Err(error) = daemon.follow_host().await {
        tracing::error!("containers do not follow the host's resolv.conf: {error}");
    }
    std::future::pending().await
}

/// Where dockerd comes in; a host that cannot have it goes without.
fn dockers_door(socket: Option<&Path>) -> Option<Door> {
    let socket = socket?;
    let opened = Door::open(socket).inspect_err(|error| {
        tracing::info!("dockerd is not served on {}: {error}", socket.display());
    });
    opened.ok()
}

/// Each sandbox with names takes two sockets, and each published port one more.
fn allow_many_files() {
    let most = std::fs::read_to_string("/proc/sys/fs/nr_open");
    let most = most.ok().and_then(|most| most.trim().parse().ok());
    let raised = most.is_some_and(|most| setrlimit(Resource::RLIMIT_NOFILE, most, most).is_ok());
    if raised {
        return;
    }
    // without CAP_SYS_RESOURCE the hard limit stands
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // a refusal leaves the limit that was
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn log() {
    let filter = EnvFilter::try_from_env("NETD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
