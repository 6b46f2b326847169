//! Names, ids, and what a store is after it was closed, or died.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use rnet_runtime_glue::image::{ImageError, ImageStore, Reference};

use crate::archive::{Archive, import, left_in, store};

fn one(content: &str) -> Vec<u8> {
    Archive::new().file("f", content).bytes()
}

fn names(store: &ImageStore, text: &str) -> Vec<String> {
    store
        .find(text)
        .unwrap()
        .references
        .iter()
        .map(Reference::to_string)
        .collect()
}

#[test]
fn an_image_is_found_by_its_name_its_id_and_the_start_of_its_id() {
    let (_directory, store) = store();
    let image = import(&store, "busybox", one("1")).unwrap();
    let id = image.id.to_string();
    for text in [
        "busybox",
        "busybox:latest",
        &id,
        &image.id.hex(),
        &image.id.short(),
        &id[..9],
    ] {
        assert_eq!(store.find(text).unwrap(), image, "{text}");
    }
    assert_eq!(
        image.config.env,
        ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    );
    for (text, words) in [
        ("busybox:1", "No such image: busybox:1"),
        ("nothing", "No such image: nothing:latest"),
        ("sha256:0000", "No such image: sha256:0000"),
        (
            "Nothing",
            "invalid reference format: \"Nothing\": repository name must be lowercase",
        ),
        (
            "",
            "invalid reference format: \"\": the repository is empty",
        ),
    ] {
        assert_eq!(store.find(text).unwrap_err().to_string(), words);
    }
}

#[test]
fn the_start_of_two_ids_names_neither() {
    let (_directory, store) = store();
    let ids: Vec<_> = (0..17)
        .map(|n| {
            import(&store, &format!("i{n}"), one(&n.to_string()))
                .unwrap()
                .id
                .hex()
        })
        .collect();
    let shared = ids
        .iter()
        .map(|id| &id[..1])
        .find(|start| ids.iter().filter(|id| id.starts_with(start)).count() > 1);
    let error = store.find(shared.unwrap()).unwrap_err();
    assert!(matches!(error, ImageError::Ambiguous { .. }), "{error}");
}

#[test]
fn a_store_opened_again_knows_the_same_images() {
    let (directory, store) = store();
    import(&store, "a:1", one("1")).unwrap();
    import(&store, "b", one("2")).unwrap();
    store.tag("b", "b:old".parse().unwrap()).unwrap();
    let before = store.list();
    drop(store);
    assert_eq!(ImageStore::open(directory.path()).unwrap().list(), before);
}

#[test]
fn a_name_goes_to_the_image_that_took_it_last() {
    let (directory, store) = store();
    let old = import(&store, "app", one("1")).unwrap();
    let old_file = directory
        .path()
        .join(format!("images/{}.json", old.id.hex()));
    let before = fs::read(&old_file).unwrap();
    let new = import(&store, "app", one("2")).unwrap();
    assert_eq!(store.find("app").unwrap(), new);
    assert_eq!(names(&store, &old.id.hex()), [""; 0]);
    // as if it had died before the old image's file was written
    fs::write(&old_file, before).unwrap();
    let store = ImageStore::open(directory.path()).unwrap();
    assert_eq!(store.find("app").unwrap().id, new.id);
    assert_eq!(names(&store, &old.id.hex()), [""; 0]);
}

#[test]
fn the_last_name_takes_the_image_along() {
    let (directory, store) = store();
    let image = import(&store, "a", one("1")).unwrap();
    store.tag("a", "b".parse().unwrap()).unwrap();
    assert_eq!(names(&store, "a"), ["a:latest", "b:latest"]);
    assert!(store.remove("a", false).unwrap().deleted.is_none());
    assert!(store.find("a").is_err());
    let removed = store.remove("b", false).unwrap();
    assert_eq!(removed.deleted, Some(image.id));
    assert_eq!(removed.layers, image.diff_ids);
    assert_eq!(left_in(directory.path()), [""; 0]);
}

#[test]
fn an_image_of_several_names_is_removed_by_its_id_only_with_force() {
    let (directory, store) = store();
    let image = import(&store, "a", one("1")).unwrap();
    store.tag("a", "b".parse().unwrap()).unwrap();
    let error = store
        .remove(&image.id.short(), false)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("conflict: unable to delete "), "{error}");
    assert_eq!(
        store
            .remove(&image.id.short(), true)
            .unwrap()
            .untagged
            .len(),
        2
    );
    assert_eq!(left_in(directory.path()), [""; 0]);
}

#[test]
fn a_layer_stays_as_long_as_an_image_has_it() {
    let (directory, store) = store();
    let first = import(&store, "a", one("same")).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&one("same")).unwrap();
    let second = import(&store, "b", gzip.finish().unwrap()).unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(first.diff_ids, second.diff_ids);
    assert!(store.remove("a", false).unwrap().layers.is_empty());
    assert!(store.layers(&second)[0].join("f").exists());
    store.remove("b", false).unwrap();
    assert_eq!(left_in(directory.path()), [""; 0]);
}

#[test]
fn what_a_crash_left_is_cleared_away() {
    let (directory, store) = store();
    let image = import(&store, "a", one("1")).unwrap();
    drop(store);
    let kept = left_in(directory.path());
    for orphan in [
        "tmp/0/half",
        "layers/not-a-layer",
        &format!("layers/{}", "0".repeat(64)),
    ] {
        fs::create_dir_all(directory.path().join(orphan)).unwrap();
    }
    let store = ImageStore::open(directory.path()).unwrap();
    assert_eq!(left_in(directory.path()), kept);
    assert_eq!(store.find("a").unwrap(), image);
}

#[test]
fn a_damaged_image_is_reported_and_not_forgotten() {
    let (directory, store) = store();
    let image = import(&store, "a", one("1")).unwrap();
    drop(store);
    let path = directory
        .path()
        .join(format!("images/{}.json", image.id.hex()));
    let text = fs::read_to_string(&path).unwrap();
    for damaged in [
        text.replace("linux", "linus"),
        text[..text.len() / 2].to_owned(),
        String::new(),
    ] {
        fs::write(&path, damaged).unwrap();
        let error = ImageStore::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }
    fs::write(&path, text).unwrap();
    assert_eq!(
        ImageStore::open(directory.path())
            .unwrap()
            .find("a")
            .unwrap(),
        image
    );
}
