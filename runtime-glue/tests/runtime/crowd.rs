//! Many containers at once, from a process with many threads, as the daemon is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

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

/// Tells how long things take; holds them only to what any machine manages.
#[test]
fn a_container_starts_and_ends_in_no_time() {
    let lab = Lab::new();
    let mut took: Vec<(Duration, Duration)> = (0..30)
        .map(|_| {
            let id = lab.id();
            let mut spec = lab.spec(&id, "");
            spec.process.args = vec!["true".to_owned()];
            let begin = Instant::now();
            lab.runtime.create(&id, &spec).map_err(chain).unwrap();
            lab.runtime.start(&id).unwrap();
            let started = begin.elapsed();
            lab.exit(&id);
            let ended = begin.elapsed();
            lab.runtime.remove(&id).unwrap();
            (ended, started)
        })
        .collect();
    took.sort();
    let (ended, started) = took[took.len() / 2];
    println!(
        "create to running {started:?}, to exit {ended:?}, at best {:?}",
        took[0].0
    );
    assert!(ended < Duration::from_secs(1));
}
