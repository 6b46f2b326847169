//! The DNS server: a thousand names, asked for by dnsperf.

mod servers;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::peer::{Program, if_there};
use crate::report::{self, progress};
use crate::scale::Scale;
use servers::{Server, aardvark, dnsmasq, rnet};

/// How many of the rows are rnet's; the last of them is asked as the others are.
const OURS: usize = 2;

/// What dnsperf found.
struct Round {
    per_second: f64,
    cpu_per_query: f64,
}

pub(super) fn run(scale: Scale) -> Result<()> {
    let names = scale.pick(10, 1_000, 1_000);
    report::title(&format!("DNS: {names} names of one network"));
    println!(
        "dnsperf, 8 sockets, 64 queries outstanding, on the same machine. rnet is asked where containers ask it, at\n\
         127.0.0.11:53 of a sandbox, and so pays for the redirection; at its own port as the others are.\n"
    );
    let root = TempDir::new_in("/run")?;
    let queries = root.path().join("queries");
    fs::write(
        &queries,
        (0..names)
            .map(|number| format!("c{number} A\n"))
            .collect::<String>(),
    )?;
    let dnsperf = Program::named("dnsperf", "dnsperf")?;
    progress(format_args!("dns: {names} endpoints"));
    let mut servers = Vec::from(rnet(names)?);
    servers.extend(if_there("dnsmasq", dnsmasq(root.path(), names)));
    servers.extend(if_there("aardvark-dns", aardvark(root.path(), names)));

    let (rounds, seconds) = scale.pick((1, "1"), (5, "3"), (9, "5"));
    let mut found: Vec<Vec<Round>> = servers.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (server, found) in servers.iter().zip(&mut found) {
            progress(format_args!(
                "dns: {}, round {round} of {rounds}",
                server.name
            ));
            let round = ask(server, &dnsperf, &queries, seconds);
            found.push(round.with_context(|| format!("{} cannot be measured", server.name))?);
        }
    }
    let mut table = report::table(&["who", "queries/s", "× rnet", "CPU µs/query", "× rnet"]);
    let medians: Vec<Round> = found.iter().map(|rounds| median(rounds)).collect();
    for (server, round) in servers.iter().zip(&medians) {
        table.add_row([
            server.name.to_owned(),
            format!("{:.0}", round.per_second),
            format!("{:.2}", round.per_second / medians[0].per_second),
            format!("{:.1}", round.cpu_per_query),
            format!("{:.2}", round.cpu_per_query / medians[0].cpu_per_query),
        ]);
    }
    println!("{table}\n");
    for (server, round) in servers.iter().zip(&medians).skip(OURS) {
        let goal = format!("at least as many queries/s as {}", server.name);
        let ratio = medians[OURS - 1].per_second / round.per_second;
        report::goal(&goal, ratio >= 1.0, format_args!("{ratio:.2} ×"));
    }
    Ok(())
}

fn ask(server: &Server, dnsperf: &Program, queries: &Path, seconds: &str) -> Result<Round> {
    server.clients.enter()?;
    let before = server.cpu()?;
    let queries = queries.display().to_string();
    let load = ["-c", "8", "-q", "64", "-l", seconds, "-d", &queries];
    let told = dnsperf.run(
        &[&["-s", server.address, "-p", &server.port][..], &load].concat(),
        "",
    )?;
    let cpu = server.cpu()? - before;
    ensure!(
        told.contains("(100.00%)"),
        "some answers are missing:\n{told}"
    );
    ensure!(
        told.contains("NOERROR") && !told.contains("NXDOMAIN"),
        "answers are wrong:\n{told}"
    );
    let completed: f64 = after(&told, "Queries completed:")?;
    Ok(Round {
        per_second: after(&told, "Queries per second:")?,
        cpu_per_query: cpu.as_secs_f64() * 1e6 / completed,
    })
}

/// The number behind a word in what dnsperf tells.
fn after(told: &str, word: &str) -> Result<f64> {
    let rest = told.split_once(word).map(|(_, rest)| rest);
    let number = rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("dnsperf does not tell {word:?}:\n{told}"))
}

fn median(rounds: &[Round]) -> Round {
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Round {
        per_second: middle(rounds.iter().map(|it| it.per_second).collect()),
        cpu_per_query: middle(rounds.iter().map(|it| it.cpu_per_query).collect()),
    }
}
