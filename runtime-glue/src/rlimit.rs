//! What one process may use up (getrlimit(2)), by the names that Docker has.

use std::fmt;
use std::str::FromStr;

use rustix::process::Resource;
use serde::{Deserialize, Serialize};

/// A limit of each process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessLimit {
    /// Of what.
    pub resource: ProcessResource,
    /// How much in the resource's own unit; none for as much as there is.
    pub soft: Option<u64>,
    /// How far a process may raise it.
    pub hard: Option<u64>,
}

/// A text that names no [`ProcessResource`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invalid ulimit type: {0}")]
pub struct UnknownResource(String);

macro_rules! resources {
    ($($variant:ident $name:literal,)*) => {
        /// What a process can be limited in.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[expect(missing_docs, reason = "getrlimit(2) explains each")]
        pub enum ProcessResource {
            $($variant,)*
        }

        impl ProcessResource {
            /// How `--ulimit` calls it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            pub(crate) const fn kernel(self) -> Resource {
                match self {
                    $(Self::$variant => Resource::$variant,)*
                }
            }
        }

        impl FromStr for ProcessResource {
            type Err = UnknownResource;

            fn from_str(name: &str) -> Result<Self, UnknownResource> {
                match name {
                    // Docker has no name for it
                    name if name == "as" => Err(UnknownResource(name.to_owned())),
                    $($name => Ok(Self::$variant),)*
                    _ => Err(UnknownResource(name.to_owned())),
                }
            }
        }
    };
}

resources! {
    As "as",
    Core "core",
    Cpu "cpu",
    Data "data",
    Fsize "fsize",
    Locks "locks",
    Memlock "memlock",
    Msgqueue "msgqueue",
    Nice "nice",
    Nofile "nofile",
    Nproc "nproc",
    Rss "rss",
    Rtprio "rtprio",
    Rttime "rttime",
    Sigpending "sigpending",
    Stack "stack",
}

impl fmt::Display for ProcessLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number =
            |it: Option<u64>| it.map_or_else(|| "unlimited".to_owned(), |it| it.to_string());
        let (soft, hard) = (number(self.soft), number(self.hard));
        write!(f, "{}={soft}:{hard}", self.resource.name())
    }
}
