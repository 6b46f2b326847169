//! What can go wrong with a plugin.

/// A call that failed, with the plugin it was for.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// There is none of that name; the words are Docker's (moby, `pkg/plugins/discovery.go`).
    #[error("could not find plugin {plugin} in v1 plugin registry: plugin not found")]
    NotFound {
        /// The plugin.
        plugin: String,
    },
    /// It is something else; the words are Docker's (moby, `pkg/plugins/plugins.go`).
    #[error("plugin {plugin}: Plugin does not implement the requested driver ({service})")]
    NotImplemented {
        /// The plugin.
        plugin: String,
        /// What it was to be.
        service: &'static str,
    },
    /// The file that says where it is says nothing of use.
    #[error("plugin {plugin} cannot be found by its file {file}: {cause}")]
    Specification {
        /// The plugin.
        plugin: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        cause: String,
    },
    /// It cannot be reached, or hung up.
    #[error("plugin {plugin} does not answer {call}: {cause}; see whether it runs")]
    Unreachable {
        /// The plugin.
        plugin: String,
        /// The call.
        call: String,
        /// Why not.
        cause: String,
    },
    /// It took too long.
    #[error("plugin {plugin} did not answer {call} within {seconds} s: see what it waits for")]
    Late {
        /// The plugin.
        plugin: String,
        /// The call.
        call: String,
        /// How long it was waited for.
        seconds: f32,
    },
    /// The daemon starts or ends, and speaks to no plugin.
    #[error("plugin {plugin} is not spoken to now: netd starts, or ends")]
    Stopping {
        /// The plugin.
        plugin: String,
    },
    /// It refused.
    #[error("plugin {plugin} refuses {call}: {message}")]
    Refused {
        /// The plugin.
        plugin: String,
        /// The call.
        call: String,
        /// What it said.
        message: String,
        /// The status of its answer.
        status: u16,
    },
    /// Its answer cannot be read, or cannot be.
    #[error("plugin {plugin} answers {call} with what cannot be: {reason}")]
    Nonsense {
        /// The plugin.
        plugin: String,
        /// The call.
        call: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl PluginError {
    /// The plugin it was for.
    pub(crate) fn plugin(&self) -> &str {
        match self {
            Self::NotFound { plugin }
            | Self::NotImplemented { plugin, .. }
            | Self::Specification { plugin, .. }
            | Self::Unreachable { plugin, .. }
            | Self::Late { plugin, .. }
            | Self::Stopping { plugin }
            | Self::Refused { plugin, .. }
            | Self::Nonsense { plugin, .. } => plugin,
        }
    }

    /// Whether the plugin heard the call and answered it, whatever it answered.
    pub(crate) const fn is_answer(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Nonsense { .. })
    }

    /// Whether the plugin does not know the call, which is younger than some plugins are.
    pub(super) const fn is_unknown_call(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    pub(crate) fn nonsense(plugin: &str, call: &str, reason: impl Into<String>) -> Self {
        Self::Nonsense {
            plugin: plugin.to_owned(),
            call: call.to_owned(),
            reason: reason.into(),
        }
    }
}
