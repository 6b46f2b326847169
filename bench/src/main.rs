//! What rnet costs, beside the bare kernel and its peers, all measured in the same run: `make bench`.
//!
//! Each table is a file in `tables`, each contestant one in `contestant`. Each table is measured in namespaces of
//! its own (`apart`), and every contestant in a network namespace of its own (`world`).

mod apart;
mod contestant;
mod cost;
mod docker_rules;
mod peer;
mod published;
mod report;
mod scale;
mod tables;
mod world;

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;

use crate::apart::Role;
use crate::scale::Scale;
use crate::tables::Named;

/// What rnet costs, beside the bare kernel and its peers.
#[derive(Parser)]
#[command(name = "rnet-bench")]
struct Arguments {
    /// Which tables; all of them if none is named.
    #[arg(value_enum, value_name = "TABLE")]
    tables: Vec<Named>,
    /// How much is measured.
    #[arg(long, value_enum, default_value_t = Scale::Usual)]
    scale: Scale,
    /// What this process is there for, if not for all.
    #[arg(long, value_enum, hide = true)]
    role: Option<Role>,
}

fn main() -> Result<()> {
    let Arguments {
        tables,
        scale,
        role,
    } = Arguments::parse();
    match (role, &tables[..]) {
        (Some(Role::Keeper), &[table]) => apart::keep(table, scale),
        (Some(Role::Inside), &[table]) => {
            apart::settle()?;
            table.run(scale)
        }
        (_, []) => all(Named::ALL, scale),
        (_, tables) => all(tables, scale),
    }
}

/// One table after the other; one that fails does not keep the others from being printed.
fn all(tables: &[Named], scale: Scale) -> Result<()> {
    let begun = Instant::now();
    report::machine();
    let mut incomplete = Vec::new();
    for &table in tables {
        // a lab is apart already
        let ran = if matches!(table, Named::Netd | Named::Docker) {
            table.run(scale)
        } else {
            apart::run(table, scale)
        };
        if let Err(error) = ran {
            println!("\nnot complete: {}: {error:#}", table.name());
            incomplete.push(table.name());
        }
    }
    println!("\nmeasured in {} s", begun.elapsed().as_secs());
    ensure!(
        incomplete.is_empty(),
        "not complete: {}",
        incomplete.join(", ")
    );
    Ok(())
}
