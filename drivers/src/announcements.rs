//! How often a new endpoint tells its neighbours of itself.

use std::time::Duration;

/// Unsolicited ARP messages and neighbour advertisements, which repair what neighbours remember of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announcements {
    /// How many there are; the first goes out at once.
    pub count: u64,
    /// The time from one to the next.
    pub interval: Duration,
}

impl Announcements {
    /// Silence.
    pub const NONE: Self = Self {
        count: 0,
        interval: Duration::ZERO,
    };

    /// Where neighbours may remember another hardware address: three, a second apart, as one may be lost (libnetwork,
    /// `netlabel/labels.go`: `AdvertiseAddrNMsgs`, `AdvertiseAddrIntervalMs`).
    pub(crate) const REPEATED: Self = Self {
        count: 3,
        interval: Duration::from_secs(1),
    };

    /// Where no neighbour can remember another: one tells bridges which port the address is behind now.
    pub(crate) const ONCE: Self = Self {
        count: 1,
        ..Self::REPEATED
    };
}
