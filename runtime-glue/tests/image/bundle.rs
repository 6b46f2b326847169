//! Archives of images built by hand: as `docker save` writes them, and as OCI layouts.

use rnet_runtime_glue::image::Digest;
use serde_json::{Value, json};

use crate::archive::Archive;

/// The configuration of an image for this machine with those layers, uncompressed.
pub(crate) fn config(layers: &[&[u8]]) -> String {
    let ids: Vec<_> = layers.iter().map(|it| Digest::of(it).to_string()).collect();
    json!({
        "created": null,
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "Cmd": ["sh"], "Entrypoint": null, "Labels": null,
            "StopSignal": "SIGUSR1", "Volumes": { "/data": {} },
        },
        "rootfs": { "type": "layers", "diff_ids": ids },
        "history": [{ "created_by": "by hand", "empty_layer": null }],
    })
    .to_string()
}

pub(crate) const fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    }
}

/// An archive as `docker save` writes it, of one image with a name.
pub(crate) fn saved(name: &str, config: &str, layers: &[&[u8]]) -> Vec<u8> {
    let mut archive = Archive::new().file("config.json", config);
    let mut paths = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let path = format!("{number}/layer.tar");
        archive = archive.raw(&path, tar::EntryType::Regular, "", layer);
        paths.push(path);
    }
    let manifest = json!([{ "Config": "config.json", "RepoTags": [name], "Layers": paths }]);
    archive.file("manifest.json", &manifest.to_string()).bytes()
}

/// An OCI layout that is being written.
pub(crate) struct Layout(Archive);

impl Layout {
    pub(crate) fn new() -> Self {
        let version = r#"{"imageLayoutVersion":"1.0.0"}"#;
        Self(Archive::new().file("oci-layout", version))
    }

    /// Adds a blob; its descriptor.
    pub(crate) fn blob(&mut self, kind: &str, content: &[u8]) -> Value {
        let digest = Digest::of(content);
        self.blob_as(digest, content);
        json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": digest, "size": content.len(),
        })
    }

    /// Adds a blob under a digest that may be another's.
    pub(crate) fn blob_as(&mut self, digest: Digest, content: &[u8]) {
        let path = format!("blobs/sha256/{}", digest.hex());
        let archive = std::mem::replace(&mut self.0, Archive::new());
        self.0 = archive.raw(&path, tar::EntryType::Regular, "", content);
    }

    /// The archive with an index of those descriptors.
    pub(crate) fn index(self, manifests: &[Value]) -> Vec<u8> {
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        self.0.file("index.json", &index.to_string()).bytes()
    }
}
