//! What a runtime's libcni does with a list of plugins: each is given the result of the one before it, and all of them
//! are undone in reverse order (CNI specification 1.1.0, section 3).

use anyhow::{Context, Result, ensure};
use rnet_tests::Lab;
use serde_json::{Value, json};

/// Where rnet stands under the names of the reference plugins.
pub(crate) const OURS: &str = "/run/rnet-plugins";
/// Where Debian has the reference plugins.
pub(crate) const THEIRS: &str = "/usr/lib/cni";

/// The plugins of a network: a directory, and the plugin's configuration.
pub(crate) struct Chain {
    pub(crate) version: &'static str,
    pub(crate) name: &'static str,
    pub(crate) plugins: Vec<(&'static str, Value)>,
    /// What the runtime says to plugins that have the capability.
    pub(crate) runtime: Value,
}

/// Puts rnet where [`OURS`] is, under every name it goes by.
pub(crate) fn install(lab: &Lab) -> Result<()> {
    lab.host(&format!(
        "mkdir -p {OURS}; for it in bridge portmap firewall tuning bandwidth loopback host-local dnsname rnet; do \
         ln -sf $(command -v rnet-cni) {OURS}/$it; done"
    ))
    .map(drop)
}

impl Chain {
    /// Attaches the namespace of that name as a container that is called so; the last result.
    pub(crate) fn add(&self, lab: &Lab, container: &str) -> Result<Value> {
        let mut result = None;
        for plugin in &self.plugins {
            let told = self.call(lab, "ADD", container, plugin, result.as_ref())?;
            result = Some(serde_json::from_str(&told).context(told)?);
        }
        result.context("a chain has a plugin at least")
    }

    pub(crate) fn check(&self, lab: &Lab, container: &str, result: &Value) -> Result<()> {
        let mut plugins = self.plugins.iter();
        plugins.try_for_each(|it| self.silent(lab, "CHECK", container, it, result))
    }

    pub(crate) fn del(&self, lab: &Lab, container: &str, result: &Value) -> Result<()> {
        let mut plugins = self.plugins.iter().rev();
        plugins.try_for_each(|it| self.silent(lab, "DEL", container, it, result))
    }

    fn silent(
        &self,
        lab: &Lab,
        command: &str,
        container: &str,
        plugin: &(&str, Value),
        result: &Value,
    ) -> Result<()> {
        let told = self.call(lab, command, container, plugin, Some(result))?;
        ensure!(told.is_empty(), "{command} told {told}");
        Ok(())
    }

    fn call(
        &self,
        lab: &Lab,
        command: &str,
        container: &str,
        (directory, plugin): &(&str, Value),
        previous: Option<&Value>,
    ) -> Result<String> {
        let mut config = plugin.clone();
        let kind = plugin["type"].as_str().context("a plugin has a type")?;
        config["cniVersion"] = self.version.into();
        config["name"] = self.name.into();
        config["prevResult"] = previous.cloned().unwrap_or_default();
        let declared = plugin["capabilities"].as_object();
        for capability in declared.into_iter().flatten().map(|(key, _)| key) {
            config["runtimeConfig"][capability] = self.runtime[capability].clone();
        }
        let config = config.as_object_mut().context("it is an object")?;
        config.remove("capabilities");
        config.retain(|_, value| *value != json!(null));
        let config = serde_json::to_string(config)?;
        // what a plugin says against it is on its standard output
        let ran = lab.try_host(&format!(
            "echo '{config}' | CNI_COMMAND={command} CNI_CONTAINERID={container} CNI_IFNAME=eth0 \
             CNI_NETNS=/run/netns/{container} CNI_PATH={OURS}:{directory} \
             CNI_ARGS='IgnoreUnknown=1;K8S_POD_NAME={container}' {directory}/{kind}"
        ))?;
        let told = ran.stdout.clone();
        ran.success().context(told)
    }
}
