//! The star of dependencies that ARCHITECTURE.md draws: who may know whom.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each crate of ours, and those it may use; tests may use any.
const STAR: [(&str, &[&str]); 13] = [
    ("rnet-model", &[]),
    ("rnet-drivers", &["rnet-model"]),
    ("rnet-ipam", &["rnet-model"]),
    ("rnet-dns", &["rnet-model"]),
    ("rnet-kernel", &["rnet-model"]),
    ("rnet-relay", &["rnet-model"]),
    ("rnet-registry", &[]),
    ("rnet-runtime-glue", &["rnet-model"]),
    ("rnet-doors", &["rnet-model"]),
    ("rnet-cli", &["rnet-model"]),
    (
        "netd",
        &[
            "rnet-model",
            "rnet-drivers",
            "rnet-ipam",
            "rnet-dns",
            "rnet-kernel",
            "rnet-relay",
            "rnet-registry",
            "rnet-runtime-glue",
        ],
    ),
    ("rnet-tests", &[]),
    (
        "rnet-bench",
        &[
            "rnet-model",
            "rnet-ipam",
            "rnet-kernel",
            "netd",
            "rnet-tests",
        ],
    ),
];

/// What a crate that only answers may not have: a way to ask the machine.
const HANDS: [&str; 8] = [
    "libc",
    "nix",
    "rustix",
    "tokio",
    "rtnetlink",
    "netlink-sys",
    "socket2",
    "hyper",
];

#[test]
fn every_crate_knows_only_what_the_architecture_lets_it_know() -> Result<()> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let ours: BTreeSet<_> = metadata
        .packages
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(
        ours,
        STAR.iter().map(|(name, _)| *name).collect(),
        "the map has every crate"
    );
    for package in &metadata.packages {
        let star = STAR.iter().find(|(name, _)| *name == package.name.as_str());
        let (name, allowed) = star.context("it was found above")?;
        let used = package
            .dependencies
            .iter()
            .filter(|it| it.kind != DependencyKind::Development);
        for used in used.filter(|it| ours.contains(it.name.as_str())) {
            assert!(
                allowed.contains(&used.name.as_str()),
                "{name} must not know {}",
                used.name
            );
        }
    }
    Ok(())
}

#[test]
fn what_only_answers_cannot_touch_the_machine() -> Result<()> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    for package in &metadata.packages {
        if !["rnet-model", "rnet-drivers", "rnet-ipam"].contains(&package.name.as_str()) {
            continue;
        }
        let used = package
            .dependencies
            .iter()
            .filter(|it| it.kind != DependencyKind::Development);
        for used in used {
            assert!(
                !HANDS.contains(&used.name.as_str()),
                "{} has {}",
                package.name,
                used.name
            );
        }
    }
    Ok(())
}
