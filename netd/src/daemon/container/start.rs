//! Starting a container: its ports, its sandbox, its files, then its processes; or nothing of them.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use rnet_model::{ContainerId, EndpointSettings, Network, NetworkId, Sandbox, SandboxId};
use rnet_runtime_glue::RuntimeError;

use super::connect::endpoint_request;
use super::create::asked_dns;
use super::restart::Restarts;
use super::{links, sysctls};
use crate::container::{Container, NetworkMode, Run};
use crate::daemon::lookup;
use crate::daemon::network::{find_driver, refused_by};
use crate::daemon::ports::{Families, PortRequest};
use crate::daemon::{Daemon, random_bytes};
use crate::error::{Class, Error, Result};
use crate::state::{Change, State};

impl Daemon {
    /// Starts a container that does not run.
    pub fn start_container(self: &Arc<Self>, reference: &str) -> Result<()> {
        let id = self.find_container(reference)?.id;
        let started = self.lives.hold(id, || {
            let mut container = self.find_container(&id.to_string())?;
            if container.run.is_running() {
                return Err(Error::NotModified(format!(
                    "container {reference} runs already"
                )));
            }
            container.restarts = Restarts::default();
            self.run_or_undo(container)
        });
        if started
            .as_ref()
            .is_err_and(|error| error.class() != Class::NotModified)
        {
            self.auto_remove(id)?;
        }
        started
    }

    /// Runs a container, or records why it could not be.
    pub(super) fn run_or_undo(self: &Arc<Self>, container: Container) -> Result<()> {
        let (id, before) = (container.id, container.run.clone());
        self.run(container)
            .inspect_err(|error| self.fail_start(id, before, error))
    }

    fn run(self: &Arc<Self>, mut container: Container) -> Result<()> {
        self.read(|state| links::check(state, &container))?;
        let donors = self.donors(&container)?;
        let own = matches!(
            container.network_mode,
            NetworkMode::Attached | NetworkMode::None
        );
        let sandbox = own.then(|| SandboxId::from_bytes(random_bytes()));
        if let Some(donor) = &donors.network {
            let mut config = container.config.unpack();
            config.hostname = donor.hostname.clone();
            container.config = config.into();
        }
        container.run = Run::Running {
            sandbox,
            pid: 0,
            started: Timestamp::now(),
            paused: false,
        };
        // recorded as running first: a sandbox on record always has a container that calls it its own
        self.put_container(container.clone())?;
        if let Some(sandbox) = sandbox {
            self.attach_container(&container, sandbox)?;
        }
        self.write_files(&container)?;
        let spec = self.spec(&container, &donors)?;
        let created = self.runtime.create(&container.id, &spec)?;
        self.confirm_donors(&container, &donors)?;
        if let Some(sandbox) = sandbox.filter(|it| self.resolver.serves(*it)) {
            self.leave_sockets(sandbox);
        }
        self.open_streams(&container);
        self.runtime.start(&container.id)?;
        let started = Timestamp::now();
        container.run = Run::Running {
            sandbox,
            pid: created.init_pid,
            started,
            paused: false,
        };
        self.put_container(container.clone())?;
        self.refresh_links_to(container.id);
        self.tell_of_container("start", &container, []);
        self.check_health(&container);
        self.watch(container.id)
    }

    fn attach_container(&self, container: &Container, id: SandboxId) -> Result<()> {
        let (requests, families) = self.read(|state| {
            let mut families = Families::default();
            let mut requests = Vec::with_capacity(container.networks.len());
            for (network, settings) in in_order(state, container)? {
                families.add(network)?;
                requests.push(endpoint_request(container, network, settings));
            }
            Ok::<_, Error>((requests, families))
        })?;
        let wanted = self.wanted_ports(container)?;
        let sandbox = Sandbox {
            id,
            container: container.id,
            guest: None,
            dns: asked_dns(&container.host_config)?,
            ports: Vec::new(),
            resources: sysctls::resources(&container.host_config, id),
        };
        self.publish_sandbox(sandbox, &requests, &wanted, families)
    }

    /// What a container is to publish.
    pub(super) fn wanted_ports(&self, container: &Container) -> Result<Vec<PortRequest>> {
        let wanted = PortRequest::parse(
            container.host_config.port_bindings.as_ref(),
            container.config.labels.as_ref(),
        )?;
        self.bound(wanted, container.networks.keys().copied())
    }

    /// Gives ports without a host address the one that a network of the container has for them.
    pub(in crate::daemon) fn bound(
        &self,
        ports: Vec<PortRequest>,
        networks: impl Iterator<Item = NetworkId>,
    ) -> Result<Vec<PortRequest>> {
        let mut binding = None;
        for network in networks {
            let Some(network) = self.read(|state| state.network(network).cloned()) else {
                continue;
            };
            let driver = find_driver(&network.driver)?;
            let own = driver
                .host_binding(&network)
                .map_err(refused_by(driver, &network))?;
            binding = binding.or(own);
        }
        let bind = |port: PortRequest| PortRequest {
            host_address: port.host_address.or(binding),
            ..port
        };
        Ok(ports.into_iter().map(bind).collect())
    }

    /// Leaves nothing of a start that failed but the reason.
    fn fail_start(&self, id: ContainerId, before: Run, error: &Error) {
        let Ok(mut container) = self.find_container(&id.to_string()) else {
            return;
        };
        let unmade = self.runtime.remove(&id).err();
        if let Some(sandbox) = container.run.sandbox() {
            self.undo(sandbox, &[], true);
        }
        let now = Timestamp::now();
        container.run = match (exit_code(error), before) {
            (Some(code), _) => Run::Exited {
                code,
                oom: false,
                started: now,
                finished: now,
                error: error.chain(),
            },
            (None, before) => before,
        };
        let kept = self
            .put_container(container)
            .err()
            .map(|error| error.chain());
        for failure in unmade
            .map(|error| crate::error::chain(&error))
            .into_iter()
            .chain(kept)
        {
            tracing::warn!(container = id.short(), "start not undone whole: {failure}");
        }
    }

    pub(super) fn put_container(&self, container: Container) -> Result<()> {
        self.commit(
            &mut self.state(),
            vec![Change::PutContainer(Box::new(container))],
        )
    }

    pub(in crate::daemon) fn tell_of_container<const N: usize>(
        &self,
        action: impl Into<Cow<'static, str>>,
        container: &Container,
        more: [(&'static str, String); N],
    ) {
        let image = container.config.image.clone().unwrap_or_default();
        let own = [("name", container.name.clone()), ("image", image)];
        let labels = container.config.labels.clone().unwrap_or_default();
        let facts = own
            .into_iter()
            .chain(more)
            .map(|(key, value)| (key.to_owned(), value));
        self.events.send(
            "container",
            action,
            container.id,
            labels.into_iter().chain(facts),
        );
    }
}

/// A container's networks in the order of its interfaces: the one its mode names, then the others by name.
fn in_order<'a>(
    state: &'a State,
    container: &'a Container,
) -> Result<Vec<(&'a Network, &'a EndpointSettings)>> {
    let known = container.networks.iter().map(|(id, settings)| {
        let network = state.network(*id);
        let network = network.ok_or_else(|| Error::no_such_network(id.to_string()))?;
        Ok((network, settings.as_ref()))
    });
    let mut networks = known.collect::<Result<Vec<_>>>()?;
    let mode = container.host_config.network_mode.as_deref();
    let main = mode.and_then(|mode| lookup::network(state, mode).ok());
    let is_main = |network: &Network| main.is_some_and(|main| main.id == network.id);
    networks.sort_by_key(|(network, _)| (!is_main(network), &network.name));
    Ok(networks)
}

/// The exit code a program that could not be started is given; none where it was not the program's fault.
fn exit_code(error: &Error) -> Option<i64> {
    match error {
        Error::Runtime(RuntimeError::Command { code, .. }) => Some((*code).into()),
        Error::Runtime(_) => Some(128),
        _ => None,
    }
}
