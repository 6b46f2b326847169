//! What a daemon leaves with a container's monitor, for the next daemon.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use crate::lab::{Lab, chain};

#[test]
fn what_is_left_with_a_monitor_stays_open_and_comes_back_in_order() {
    let lab = Lab::new();
    let id = lab.running("sleep 1000");
    assert!(lab.runtime.kept(&id).map_err(chain).unwrap().is_empty());
    let (mut first, ours) = UnixStream::pair().unwrap();
    let (mut second, also_ours) = UnixStream::pair().unwrap();
    let both = [ours.as_fd(), also_ours.as_fd()];
    lab.runtime.keep(&id, &both).map_err(chain).unwrap();
    drop((ours, also_ours));
    for _ in 0..2 {
        let kept = lab.runtime.kept(&id).map_err(chain).unwrap();
        for (number, descriptor) in kept.into_iter().enumerate() {
            UnixStream::from(descriptor)
                .write_all(&[number as u8])
                .unwrap();
        }
        for (number, other_end) in [&mut first, &mut second].into_iter().enumerate() {
            let mut byte = [9];
            other_end.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [number as u8]);
        }
    }
    lab.runtime.keep(&id, &[]).map_err(chain).unwrap();
    assert_eq!(first.read(&mut [0]).unwrap(), 0, "given up");
    assert!(lab.runtime.kept(&id).map_err(chain).unwrap().is_empty());
    lab.runtime.remove(&id).unwrap();
}

#[test]
fn no_program_of_the_container_has_what_was_left_with_its_monitor() {
    let lab = Lab::new();
    let id = lab.running("sleep 1000");
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    lab.runtime.keep(&id, &[theirs.as_fd()]).unwrap();
    drop(theirs);
    let (code, seen) = lab.exec(&id, &["ls", "-l", "/proc/self/fd"]);
    assert_eq!(code, 0);
    assert!(!seen.contains("> socket:"), "{seen}");
    lab.runtime.remove(&id).unwrap();
    assert_eq!(ours.read(&mut [0]).unwrap(), 0, "closed with the monitor");
}
