//! [`Kernel`]: resources that exist, and cease to.

use rnet_model::Resource;

use crate::contract::{Kernel, Owned};
use crate::ensure::Builder;
use crate::error::KernelError;
use crate::mark::Mark;
use crate::netlink::Netlink;
use crate::remove::{doom, remove, worth_removing};

impl Kernel for Netlink {
    fn ensure_all(&self, resources: &[Resource]) -> Result<(), KernelError> {
        if resources.is_empty() {
            return Ok(());
        }
        self.away(|traveller| Builder::new(self, traveller).ensure_all(resources))?
    }

    fn remove_all(&self, resources: &[Resource]) -> Vec<KernelError> {
        let resources = worth_removing(resources);
        if resources.is_empty() {
            return Vec::new();
        }
        let errors = self.away(|traveller| {
            let removals = resources
                .iter()
                .map(|resource| remove(self, traveller, resource));
            removals.filter_map(Result::err).collect()
        });
        self.reaper.wake();
        errors.unwrap_or_else(|error| vec![error])
    }

    fn owned(&self) -> Result<Vec<Owned>, KernelError> {
        let namespaces = self.pins.list()?.into_iter().map(Owned::Namespace);
        let links = self.host().links();
        let links = links.map_err(|source| KernelError::List {
            what: "links",
            source,
        })?;
        let links = links.into_iter().filter(|link| link.mark == Mark::Own);
        let names = links.filter_map(|link| link.name.parse().ok());
        Ok(namespaces.chain(names.map(Owned::Link)).collect())
    }

    fn sweep(&self, orphans: &[Owned]) -> Vec<KernelError> {
        let sweep = |orphan: &Owned| match orphan {
            Owned::Namespace(sandbox) => self.pins.remove(*sandbox),
            Owned::Link(name) => doom(self, name).map_err(|source| KernelError::RemoveLink {
                name: name.clone(),
                source,
            }),
        };
        let errors = orphans
            .iter()
            .filter_map(|orphan| sweep(orphan).err())
            .collect();
        self.reaper.wake();
        errors
    }
}
