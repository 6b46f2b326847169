//! What an import keeps of files: everything that a container can see of them.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use rnet_runtime_glue::image::Digest;
use rustix::fs::getxattr;
use rustix::io::Errno;
use tar::{EntryType, Header};

use crate::archive::{Archive, import, store};

fn header(path: &str, kind: EntryType, mode: u32, owner: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_path(path).unwrap();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner + 1);
    header.set_mtime(1_234_567_890);
    header.set_size(0);
    header.set_cksum();
    header
}

#[test]
fn owners_modes_and_times_are_kept() {
    let mut archive = Archive::new();
    let builder = archive.builder();
    for entry in [
        header("./", EntryType::Directory, 0o751, 7),
        header("d", EntryType::Directory, 0o1777, 70_000),
        header("d/suid", EntryType::Regular, 0o4755, 1000),
        header("d/secret", EntryType::Regular, 0, 1000),
    ] {
        builder.append(&entry, b"".as_slice()).unwrap();
    }
    let mut link = header("d/link", EntryType::Symlink, 0o777, 33);
    builder
        .append_link(&mut link, "d/link", "../nowhere")
        .unwrap();
    let (_directory, store) = store();
    let image = import(&store, "a", archive.bytes()).unwrap();
    let root = &store.layers(&image)[0];
    for (path, mode, owner) in [
        ("", 0o751, 7),
        ("d", 0o1777, 70_000),
        ("d/suid", 0o4755, 1000),
        ("d/secret", 0, 1000),
        ("d/link", 0o777, 33),
    ] {
        let metadata = fs::symlink_metadata(root.join(path)).unwrap();
        assert_eq!(metadata.mode() & 0o7777, mode, "{path}");
        assert_eq!(
            (metadata.uid(), metadata.gid()),
            (owner, owner + 1),
            "{path}"
        );
        assert_eq!(metadata.mtime(), 1_234_567_890, "{path}");
    }
    assert_eq!(
        fs::read_link(root.join("d/link")).unwrap().to_str(),
        Some("../nowhere")
    );
}

#[test]
fn times_finer_than_a_second_and_before_the_epoch_are_kept() {
    let (_directory, store) = store();
    for (text, seconds, nanoseconds) in [
        ("12.5", 12, 500_000_000),
        ("-1.25", -2, 750_000_000),
        ("7", 7, 0),
    ] {
        let mut archive = Archive::new();
        archive
            .builder()
            .append_pax_extensions([("mtime", text.as_bytes())])
            .unwrap();
        let image = import(&store, "a", archive.file("f", text).bytes()).unwrap();
        let metadata = fs::metadata(store.layers(&image)[0].join("f")).unwrap();
        assert_eq!(
            (metadata.mtime(), metadata.mtime_nsec()),
            (seconds, nanoseconds),
            "{text}"
        );
    }
}

#[test]
fn hard_links_stay_one_file() {
    let archive = Archive::new()
        .file("bin/busybox", "code")
        .hard_link("./bin/ls", "./bin/busybox");
    let (_directory, store) = store();
    let image = import(&store, "a", archive.bytes()).unwrap();
    let inode = |name| {
        fs::metadata(store.layers(&image)[0].join(name))
            .unwrap()
            .ino()
    };
    assert_eq!(inode("bin/busybox"), inode("bin/ls"));
    assert_eq!(image.size, 4);
}

#[test]
fn device_nodes_and_fifos_are_made() {
    let archive = Archive::new()
        .raw("null", EntryType::Char, "", b"")
        .raw("disk", EntryType::Block, "", b"")
        .raw("pipe", EntryType::Fifo, "", b"");
    let (_directory, store) = store();
    let image = import(&store, "a", archive.bytes()).unwrap();
    let node = |name| fs::metadata(store.layers(&image)[0].join(name)).unwrap();
    assert!(node("null").file_type().is_char_device());
    assert_eq!(node("null").rdev(), rustix::fs::makedev(1, 3));
    assert!(node("disk").file_type().is_block_device());
    assert!(node("pipe").file_type().is_fifo());
    assert_eq!(node("pipe").mode() & 0o777, 0o755);
    assert_eq!(node("pipe").mtime(), 1_000_000_000);
}

#[test]
fn extended_attributes_are_kept_but_those_of_overlayfs() {
    let mut archive = Archive::new();
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0".as_slice();
    let attributes = [
        ("SCHILY.xattr.security.capability", capability),
        ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
        ("SCHILY.xattr.user.note", b"kept"),
    ];
    archive.builder().append_pax_extensions(attributes).unwrap();
    let (_directory, store) = store();
    let image = import(&store, "a", archive.file("f", "x").bytes()).unwrap();
    let path = store.layers(&image)[0].join("f");
    let value = |name: &str| {
        let mut value = Vec::with_capacity(64);
        getxattr(&path, name, rustix::buffer::spare_capacity(&mut value)).map(|_| value)
    };
    assert_eq!(value("security.capability").unwrap(), capability);
    assert_eq!(value("trusted.overlay.redirect"), Err(Errno::NODATA));
    match value("user.note") {
        // tmpfs of older kernels
        Err(Errno::OPNOTSUPP) => {}
        value => assert_eq!(value.unwrap(), b"kept"),
    }
}

#[test]
fn zeros_become_holes_and_stay_zeros() {
    let content = format!("start{}end", "\0".repeat(4 << 20));
    let (_directory, store) = store();
    let image = import(&store, "a", Archive::new().file("f", &content).bytes()).unwrap();
    let path = store.layers(&image)[0].join("f");
    assert_eq!(fs::read(&path).unwrap(), content.as_bytes());
    assert!(fs::metadata(&path).unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn a_later_entry_replaces_an_earlier_one_and_missing_directories_are_made() {
    let archive = Archive::new()
        .symlink("a/b/c", "/etc/passwd")
        .file("a/b/c", "mine")
        .directory("a")
        .file("./x", "1")
        .file("x", "2");
    let (_directory, store) = store();
    let bytes = archive.bytes();
    let image = import(&store, "a", bytes.clone()).unwrap();
    assert_eq!(image.diff_ids, [Digest::of(&bytes)]);
    let root = &store.layers(&image)[0];
    assert_eq!(fs::read_to_string(root.join("a/b/c")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(root.join("x")).unwrap(), "2");
    assert_eq!(
        fs::metadata(root.join("a/b")).unwrap().mode() & 0o777,
        0o755
    );
}
