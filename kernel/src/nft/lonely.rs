//! Where tests of nftables run: in a network namespace nobody else has.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::thread;

use nix::sched::{CloneFlags, unshare};

/// Runs a test on a thread in a network namespace of its own; not at all, said aloud, without root.
pub(super) fn in_a_namespace_of_its_own(test: impl FnOnce() + Send) {
    if fs::metadata("/proc/self").is_ok_and(|owner| owner.uid() != 0) {
        eprintln!("SKIPPED: network namespaces and nftables need root");
        return;
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("root may make network namespaces");
            test();
        });
    });
}
