//! Many at once: nothing is lost, mixed up or left.

use std::thread;

use rnet_kernel::Kernel;
use rnet_model::SandboxId;

use crate::lab::{endpoint, lab, sandbox};

#[test]
fn fifty_threads_attach_and_detach_at_once() {
    lab(|lab| {
        let bridge = lab.bridge();
        let sandboxes: Vec<(SandboxId, u8)> = (2..52).map(|number| (sandbox(), number)).collect();
        thread::scope(|scope| {
            for &(it, number) in &sandboxes {
                scope.spawn(move || lab.ensure(&endpoint(it, number)));
            }
        });
        assert_eq!(
            lab.ip("-oneline link show master br0 up").lines().count(),
            50
        );
        assert!(lab.reaches(sandboxes[0].0, sandboxes[49].0, "10.1.0.51:7000"));
        thread::scope(|scope| {
            for &(it, number) in &sandboxes {
                scope.spawn(move || lab.remove(&endpoint(it, number)));
            }
        });
        lab.remove(&bridge);
        lab.is_empty_soon();
    });
}

#[test]
fn threads_that_make_the_same_sandbox_share_one() {
    lab(|lab| {
        lab.bridge();
        for _ in 0..10 {
            let it = sandbox();
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(move || lab.ensure(&endpoint(it, 2)[..1]));
                }
            });
            lab.ensure(&endpoint(it, 2));
            lab.remove(&endpoint(it, 2));
        }
        assert!(lab.kernel.owned().unwrap().len() == 1, "the bridge");
    });
}
