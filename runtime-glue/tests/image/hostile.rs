//! Archives that lie, reach out, or end too early: refused with the reason, and nothing is left.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use rnet_runtime_glue::image::ImageError;
use tar::{EntryType, Header};

use crate::archive::{Archive, import, left_in, store};

/// Imports an archive that must be refused; the reason, in words.
fn refusal(bytes: Vec<u8>) -> String {
    let (directory, store) = store();
    let error = import(&store, "hostile", bytes).unwrap_err();
    assert!(store.list().is_empty());
    assert_eq!(left_in(directory.path()), [""; 0]);
    error.to_string()
}

#[test]
fn an_entry_cannot_reach_out_of_the_archive() {
    let outside = tempfile::tempdir().unwrap();
    let elsewhere = outside.path().to_str().unwrap();
    let file = Archive::new;
    for (archive, reason) in [
        (file().file("../evil", "x"), "\"..\""),
        (file().file("a/../../evil", "x"), "\"..\""),
        (file().file("/etc/evil", "x"), "absolute"),
        (
            file().symlink("out", elsewhere).file("out/evil", "x"),
            "symbolic link",
        ),
        (
            file().symlink("out", "..").directory("out/evil"),
            "symbolic link",
        ),
        (
            file().symlink("out", elsewhere).symlink("out/evil", "x"),
            "symbolic link",
        ),
        (
            file()
                .symlink("out", elsewhere)
                .raw("out/evil", EntryType::Fifo, "", b""),
            "symbolic link",
        ),
        (
            file()
                .symlink("a", "b")
                .symlink("b", elsewhere)
                .file("a/evil", "x"),
            "symbolic link",
        ),
        (
            file().hard_link("in", "../../../etc/passwd"),
            "target is outside",
        ),
        (file().hard_link("in", "/etc/passwd"), "target is outside"),
        (
            file().symlink("out", "/etc").hard_link("in", "out/passwd"),
            "symbolic link",
        ),
        (
            file().symlink("out", elsewhere).directory("out"),
            "symbolic link",
        ),
    ] {
        let told = refusal(archive.bytes());
        assert!(told.contains(reason), "{told}");
    }
    assert_eq!(outside.path().read_dir().unwrap().count(), 0);
}

#[test]
fn an_entry_that_cannot_be_is_refused() {
    let file = Archive::new;
    for (archive, reason) in [
        (
            file().hard_link("in", "nowhere"),
            "link to what comes later",
        ),
        (
            file().file("a", "x").hard_link("a", "./a"),
            "link to itself",
        ),
        (file().symlink("a", ""), "link to nothing"),
        (file().file("a", "x").file("a/b", "x"), "no directory"),
        (file().directory("a").file("a", "x"), "replace a directory"),
        (
            file().directory("a").hard_link("b", "a"),
            "cannot unpack entry b",
        ),
        (file().file("./", "x"), "root"),
        (
            file().raw("a", EntryType::new(b'Q'), "", b""),
            "not supported",
        ),
    ] {
        let told = refusal(archive.bytes());
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn an_archive_cut_off_anywhere_is_truncated() {
    let whole = Archive::new()
        .file("a", "1")
        .directory("b")
        .file("b/c", "text")
        .bytes();
    for length in (0..whole.len() - 1024).step_by(256) {
        assert!(
            refusal(whole[..length].to_vec()).contains("truncated"),
            "cut at {length}"
        );
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&whole).unwrap();
    let gzip = gzip.finish().unwrap();
    for length in [11, gzip.len() / 2, gzip.len() - 9, gzip.len() - 1] {
        assert!(
            refusal(gzip[..length].to_vec()).contains("truncated"),
            "gzip cut at {length}"
        );
    }
}

#[test]
fn what_is_no_archive_is_told_from_one() {
    assert!(refusal(b"#!/bin/sh\n".repeat(200)).contains("no tar archive"));
    assert!(refusal(b"\x28\xb5\x2f\xfd and so on".to_vec()).contains("no tar archive"));
    assert!(refusal(b"\xfd7zXZ\0 and so on".to_vec()).contains("compressed with xz"));
    let mut damaged = GzEncoder::new(Vec::new(), Compression::default());
    damaged
        .write_all(&Archive::new().file("a", "1").bytes())
        .unwrap();
    let mut damaged = damaged.finish().unwrap();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    assert!(refusal(damaged).contains("damaged"));
}

#[test]
fn a_huge_claim_is_refused_before_it_is_believed() {
    let claim = |kind, size: u64| {
        let mut header = Header::new_gnu();
        header.set_path("huge").unwrap();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(if kind == EntryType::Regular { size } else { 0 });
        let gnu = header.as_gnu_mut().unwrap();
        gnu.set_real_size(size);
        gnu.sparse[0].set_offset(size);
        gnu.sparse[0].set_length(0);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend([0; 1024]);
        bytes
    };
    let exabyte = 1 << 60;
    for kind in [EntryType::Regular, EntryType::GNUSparse] {
        let told = refusal(claim(kind, exabyte));
        assert!(told.contains("claims 1152921504606846976 bytes"), "{told}");
    }
}

#[test]
fn a_bomb_fills_neither_memory_nor_time() {
    let gzip = |bytes: &mut dyn std::io::Read| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::copy(bytes, &mut packed).unwrap();
        packed.finish().unwrap()
    };
    let mut long_name = Header::new_gnu();
    long_name.set_path("././@LongLink").unwrap();
    long_name.set_entry_type(EntryType::GNULongName);
    long_name.set_size(1 << 40);
    long_name.set_cksum();
    let endless = std::io::repeat(b'a').take(64 << 20);
    let name = gzip(&mut long_name.as_bytes().as_slice().chain(endless));
    let whole = Archive::new().file("a", "1").bytes();
    let padding = std::io::repeat(0).take(64 << 20);
    let tail = gzip(&mut whole.as_slice().chain(padding));
    for bomb in [name, tail] {
        let (directory, store) = store();
        let error = import(&store, "bomb", bomb).unwrap_err();
        let reason = std::error::Error::source(&error).unwrap().to_string();
        assert!(reason.contains("bytes lie between its files"), "{reason}");
        assert_eq!(left_in(directory.path()), [""; 0]);
    }
}

#[test]
fn a_sparse_file_in_a_format_we_cannot_read_is_not_taken_for_another() {
    let mut archive = Archive::new();
    archive
        .builder()
        .append_pax_extensions([("GNU.sparse.major", b"1".as_slice())])
        .unwrap();
    assert!(
        refusal(archive.file("sparse", "map").bytes()).contains("sparse files in the pax format")
    );
}

#[test]
fn an_import_that_fails_takes_no_name_away() {
    let (_directory, store) = store();
    let good = import(&store, "app", Archive::new().file("a", "1").bytes()).unwrap();
    import(&store, "app", Archive::new().file("../evil", "x").bytes()).unwrap_err();
    assert_eq!(store.find("app").unwrap(), good);
    let error = store.find("nothing").unwrap_err();
    assert!(matches!(error, ImageError::NoSuchImage(_)));
    assert_eq!(error.to_string(), "No such image: nothing:latest");
}
