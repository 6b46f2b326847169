//! The memory that a process keeps for later.

/// How many heaps there are: enough for two threads that allocate at the same time, and the others wait a moment.
#[cfg(target_env = "gnu")]
const HEAPS: i32 = 2;

/// Lets all threads of this process share a few heaps, from now on.
///
/// glibc makes up to eight a processor (mallopt(3), `M_ARENA_MAX`), and each keeps what the busiest moment of its
/// threads took: in a daemon whose threads come and go with its requests, that is more than all it holds.
pub fn share_heaps() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "no safe wrapper tunes the allocator")]
    // SAFETY: it takes two numbers, and may be called at any time; refused, it leaves things as they are
    let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, HEAPS) };
}

/// Gives back to the kernel what this process no longer uses, as after a start that read much (malloc_trim(3)).
pub fn trim_heaps() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "no safe wrapper tunes the allocator")]
    // SAFETY: it takes a number, and may be called at any time from any thread
    let _ = unsafe { libc::malloc_trim(0) };
}
