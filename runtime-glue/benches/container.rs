//! How long a container takes: from nothing to the end of `true`, and `exec` of `true` in a running one.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/runtime/lab.rs"]
#[expect(dead_code, reason = "it is made for tests, which use more of it")]
mod lab;

use std::time::{Duration, Instant};

use lab::{Lab, chain};

const RUNS: usize = 100;

fn main() {
    let lab = Lab::new();
    let mut started = Vec::new();
    let ended = (0..RUNS).map(|_| {
        let id = lab.id();
        let mut spec = lab.spec(&id, "");
        spec.process.args = vec!["true".to_owned()];
        let begin = Instant::now();
        lab.runtime.create(&id, &spec).map_err(chain).unwrap();
        lab.runtime.start(&id).unwrap();
        started.push(begin.elapsed());
        lab.exit(&id);
        let took = begin.elapsed();
        lab.runtime.remove(&id).unwrap();
        took
    });
    tell("create to exit", ended.collect());
    tell("create to running", started);
    let id = lab.running("sleep 1000");
    let execs = (0..RUNS).map(|_| {
        let begin = Instant::now();
        assert_eq!(lab.exec(&id, &["true"]).0, 0);
        begin.elapsed()
    });
    tell("exec to exit", execs.collect());
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let of = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1000.0;
    println!(
        "{what:20} median {:.2} ms, least {:.2}, p90 {:.2}",
        of(50),
        of(0),
        of(90)
    );
}
