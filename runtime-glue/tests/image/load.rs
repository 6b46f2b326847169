//! Loading images and saving them again.

use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use flate2::Compression;
use flate2::write::GzEncoder;
use rnet_runtime_glue::image::{Digest, Image, ImageError, ImageStore, Step};
use serde_json::json;

use crate::archive::{Archive, left_in, store};
use crate::bundle::{Layout, architecture, config, saved};

fn load(store: &ImageStore, archive: &[u8]) -> Result<Vec<Image>, ImageError> {
    store.load(archive, |_| {})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn save(store: &ImageStore, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let selection = store.select(&[name.to_owned()]).unwrap();
    store.save(&selection, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_saved_image_is_loaded_with_its_whiteouts_as_those_of_overlayfs() {
    let (_directory, store) = store();
    let lower = Archive::new()
        .directory("etc")
        .file("etc/gone", "1")
        .file("etc/kept", "1")
        .directory("old")
        .file("old/1", "1")
        .bytes();
    let upper = Archive::new()
        .directory("etc")
        .file("etc/.wh.gone", "")
        .directory("old")
        .file("old/.wh..wh..opq", "")
        .file("old/2", "2")
        .file(".wh.new", "")
        .file("new/3", "3")
        .file("file", "2")
        .file(".wh.file", "")
        .file(".wh..wh.plnk", "")
        .bytes();
    let packed = gzip(&upper);
    let config = config(&[&lower, &upper]);
    let archive = saved("docker.io/library/app:1", &config, &[&lower, &packed]);
    let mut steps = Vec::new();
    let images = store
        .load(&*gzip(&archive), |step| steps.push(step))
        .unwrap();
    let [image] = &images[..] else {
        panic!("{images:?}")
    };
    assert_eq!(image.id, Digest::of(config.as_bytes()));
    assert_eq!(image.references, ["app:1".parse().unwrap()]);
    assert_eq!(image.config.stop_signal, "SIGUSR1");
    assert!(image.config.volumes.contains_key("/data"));
    assert_eq!(image.layer_sizes, [3, 3]);
    assert!(matches!(&steps[0], Step::Unpacking { current: 0, .. }));
    assert!(matches!(steps.last(), Some(Step::Loaded { .. })));

    let layers = store.layers(image);
    let gone = layers[1].join("etc/gone").symlink_metadata().unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    for opaque in ["old", "new"] {
        let mut value = [0; 8];
        let path = layers[1].join(opaque);
        let length = rustix::fs::getxattr(path, "trusted.overlay.opaque", &mut value[..]);
        assert_eq!(&value[..length.unwrap()], b"y", "{opaque}");
    }
    assert_eq!(std::fs::read(layers[1].join("file")).unwrap(), b"2");
    let names = std::fs::read_dir(&layers[1]).unwrap();
    assert_eq!(names.count(), 4);
}

#[test]
fn what_was_loaded_is_saved_byte_for_byte() {
    let (_directory, first) = store();
    let lower = Archive::new()
        .file("a", &"long".repeat(40_000))
        .symlink("b", "a")
        .bytes();
    let upper = Archive::new().file(".wh.a", "").hard_link_pair().bytes();
    let config = config(&[&lower, &upper, &lower]) + "\n";
    let archive = saved("app:1", &config, &[&lower, &gzip(&upper), &lower]);
    let image = load(&first, &archive).unwrap().remove(0);
    // a layer that is there twice counts once, where it is highest
    assert_eq!(first.layers(&image).len(), 2);
    assert!(first.layers(&image)[1].join("b").is_symlink());

    let (_directory, second) = store();
    let saved = save(&first, "app");
    let again = load(&second, &saved).unwrap().remove(0);
    assert_eq!(again, image);
    assert_eq!(save(&second, "app:1"), saved);
    let nameless = load(&first, &save(&second, &image.id.short())).unwrap();
    assert_eq!(nameless, [image]);
}

#[test]
fn an_oci_layout_gives_the_image_for_this_machine() {
    let (_directory, store) = store();
    let layer = Archive::new().file("f", "1").bytes();
    let config = config(&[&layer]);
    let mut layout = Layout::new();
    let about_config = layout.blob("config.v1+json", config.as_bytes());
    let about_layer = layout.blob("layer.v1.tar+gzip", &gzip(&layer));
    let manifest = json!({ "schemaVersion": 2, "config": about_config, "layers": [about_layer] });
    let mut here = layout.blob("manifest.v1+json", manifest.to_string().as_bytes());
    here["platform"] = json!({ "os": "linux", "architecture": architecture() });
    let mut elsewhere = layout.blob("manifest.v1+json", b"{}");
    elsewhere["platform"] = json!({ "os": "linux", "architecture": "s390x" });
    let inner = json!({ "manifests": [elsewhere, here] }).to_string();
    let mut named = layout.blob("index.v1+json", inner.as_bytes());
    let name = "localhost/app:2";
    named["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
    let images = load(&store, &layout.index(&[named])).unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].references, [name.parse().unwrap()]);
}

#[test]
fn what_does_not_verify_is_refused_and_leaves_nothing() {
    let (directory, store) = store();
    let layer = Archive::new().file("f", "1").bytes();
    let other = Archive::new().file("f", "2").bytes();
    let whole = saved("app", &config(&[&layer]), &[&layer]);
    let mut forged = Layout::new();
    forged.blob_as(Digest::of(b"something else"), b"{}");
    let forged = forged.index(&[json!({ "digest": Digest::of(b"something else") })]);
    let outside = Archive::new()
        .file("config.json", &config(&[b""]))
        .symlink("layer.tar", "/etc/passwd")
        .file(
            "manifest.json",
            r#"[{"Config":"config.json","RepoTags":null,"Layers":["layer.tar"]}]"#,
        )
        .bytes();
    let fifo = Archive::new().raw("manifest.json", tar::EntryType::Fifo, "", b"");
    let escape = Archive::new().file("../.wh.passwd", "").bytes();
    let through = Archive::new()
        .symlink("d", "/etc")
        .file("d/.wh.passwd", "")
        .bytes();
    let dots = Archive::new().file(".wh...", "").bytes();
    let of = |layer: &[u8]| saved("app", &config(&[layer]), &[layer]);
    for (archive, words) in [
        (
            saved("app", &config(&[&layer]), &[&other]),
            "does not verify",
        ),
        (forged, "does not verify"),
        (
            saved("app", &config(&[&layer, &other]), &[&layer]),
            "layers length mismatch",
        ),
        (
            saved("App", &config(&[&layer]), &[&layer]),
            "must be lowercase",
        ),
        (saved("app", "[]", &[&layer]), "invalid config.json"),
        (whole[..whole.len() - 2000].to_vec(), "truncated"),
        (of(&layer[..600]), "truncated"),
        (of(&escape), "out of the archive"),
        (of(&through), "through"),
        (of(&dots), "nothing that has a name"),
        (outside, "layer.tar in the archive: it is missing"),
        (fifo.bytes(), "files, directories and links only"),
        (layer.clone(), "holds no image"),
        (Vec::new(), "truncated"),
    ] {
        let error = load(&store, &archive).unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert_eq!(left_in(directory.path()), [""; 0], "{words}");
    }
    load(&store, &whole).unwrap();
}

#[test]
fn a_layer_that_images_share_goes_with_the_last_of_them() {
    let (directory, store) = store();
    let base = Archive::new().file("f", "1").bytes();
    let own = Archive::new().file("g", "1").bytes();
    let small = load(&store, &saved("small", &config(&[&base]), &[&base])).unwrap();
    load(
        &store,
        &saved("large", &config(&[&base, &own]), &[&base, &own]),
    )
    .unwrap();
    let removed = store.remove("large", false).unwrap();
    assert_eq!(removed.layers, [Digest::of(&own)]);
    assert!(store.layers(&small[0])[0].join("f").exists());
    store.remove(&small[0].id.to_string(), false).unwrap();
    assert_eq!(left_in(directory.path()), [""; 0]);
}
