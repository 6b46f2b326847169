//! A link's number by its name: the one question that is not put over netlink.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};

use rnet_model::IfName;

/// The index of a link in the namespace `socket` was opened in; none if there is no such link.
///
/// netdevice(7), SIOCGIFINDEX: any socket serves (net/core/dev_ioctl.c), and unlike `RTM_GETLINK` it takes no lock, so
/// it does not queue behind the links that others make meanwhile.
#[expect(
    unsafe_code,
    reason = "no crate asks for an index on a socket of the caller's choice"
)]
pub(super) fn index(socket: BorrowedFd<'_>, link: &IfName) -> io::Result<Option<u32>> {
    // SAFETY: `ifreq` is plain data, for which all zeroes is a value: an empty name.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    // the last byte stays zero: a name has at most IFNAMSIZ - 1
    for (byte, &letter) in request.ifr_name.iter_mut().zip(link.as_str().as_bytes()) {
        *byte = letter.cast_signed();
    }
    // SAFETY: SIOCGIFINDEX reads and writes one `ifreq`, which outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFINDEX, &raw mut request) };
    if result == 0 {
        // SAFETY: the kernel has just written the index.
        let index = unsafe { request.ifr_ifru.ifru_ifindex };
        return Ok(Some(index.cast_unsigned()));
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        error => Err(error),
    }
}
