//! Many containers at once, from a process with many threads, as the daemon is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::lab::{Lab, chain};

#[test]
fn a_hundred_containers_come_from_a_process_whose_threads_are_busy() {
    let lab = Lab::new();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let rubbish: Vec<String> = (0..100).map(|n| format!("{n:100}")).collect();
                    std::hint::black_box(rubbish);
                    thread::sleep(Duration::from_micros(200));
                }
            });
        }
        let makers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let id = lab.id();
                        let code = i32::from(id.short().as_bytes()[0]);
                        lab.runtime
                            .create(&id, &lab.spec(&id, &format!("exit {code}")))
                            .map_err(chain)
                            .unwrap();
                        lab.runtime.start(&id).map_err(chain).unwrap();
                        assert_eq!(lab.exit(&id).code, code);
                        lab.runtime.remove(&id).map_err(chain).unwrap();
                    }
                })
            })
            .collect();
        let failed = makers
            .into_iter()
            .map(|maker| maker.join().is_err())
            .filter(|f| *f)
            .count();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(failed, 0);
    });
}
