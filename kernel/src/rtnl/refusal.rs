//! The kernel's answer to a request it does not grant.

use std::{fmt, io};

use netlink_packet_core::{ErrorMessage, NLM_F_CAPPED, NetlinkHeader, NlasIterator};

/// The length of `struct nlmsghdr`: what a capped refusal repeats of its request.
const REPEATED_BYTES: usize = 16;
/// `enum nlmsgerr_attrs` of include/uapi/linux/netlink.h.
const NLMSGERR_ATTR_MSG: u16 = 1;

/// An error number of the kernel and, where it gives one, its reason in words: the extended acknowledgement of
/// Documentation/userspace-api/netlink/intro.rst.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    errno: i32,
    reason: Option<String>,
}

impl Refusal {
    /// A refusal without a reason.
    pub const fn new(errno: i32) -> Self {
        Self {
            errno,
            reason: None,
        }
    }

    /// The error number, such as `EEXIST`.
    pub const fn errno(&self) -> i32 {
        self.errno
    }

    /// None if the message is an acknowledgement.
    pub(super) fn parse(header: &NetlinkHeader, message: &ErrorMessage) -> Option<Self> {
        let errno = -message.code?.get();
        let capped = header.flags & NLM_F_CAPPED != 0;
        let attributes = message.header.get(REPEATED_BYTES..).filter(|_| capped);
        Some(Self {
            errno,
            reason: attributes.and_then(reason),
        })
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::new(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.errno).fmt(f)?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

fn reason(attributes: &[u8]) -> Option<String> {
    let attribute = NlasIterator::new(attributes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == NLMSGERR_ATTR_MSG)?;
    let text = String::from_utf8_lossy(attribute.value());
    Some(text.trim_end_matches('\0').to_owned())
}
