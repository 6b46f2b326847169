//! How much is measured.

use clap::ValueEnum;

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scale {
    /// Just enough to see that every table works: seconds.
    Tiny,
    /// What the goals are judged by: about a quarter of an hour.
    Usual,
    /// The peers too with hundreds of endpoints, which takes them minutes to set up.
    Full,
}

impl Scale {
    /// The value for this scale.
    pub(crate) fn pick<T>(self, tiny: T, usual: T, full: T) -> T {
        match self {
            Self::Tiny => tiny,
            Self::Usual => usual,
            Self::Full => full,
        }
    }
}
