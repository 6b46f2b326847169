//! Mounts by key (`--mount type=TYPE,source=…,target=…`).

use std::collections::HashMap;
use std::path::absolute;
use std::str::FromStr;

use bollard::models::{
    Mount as Model, MountBindOptions, MountBindOptionsPropagationEnum as Propagation,
    MountTmpfsOptions, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig,
};

use super::Refused;
use super::units::Bytes;

/// One mount.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mount(Model);

impl Mount {
    /// As the API wants it.
    pub(crate) fn model(&self) -> Model {
        self.0.clone()
    }
}

impl FromStr for Mount {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let mut mount = Model {
            typ: Some(MountType::VOLUME),
            ..Model::default()
        };
        for field in text.split(',') {
            let (key, value) = field
                .split_once('=')
                .map_or((field, None), |(key, value)| (key, Some(value)));
            read(&mut mount, &key.to_ascii_lowercase(), value)?;
        }
        let is = |kind| mount.typ == Some(kind);
        if mount.target.as_deref().unwrap_or_default().is_empty() {
            return Err(Refused::new("target is required"));
        }
        if is(MountType::BIND) {
            let source = mount.source.filter(|it| !it.is_empty());
            let source = source.ok_or_else(|| Refused::new("source is required for type=bind"))?;
            let path = absolute(&source).map_err(|error| {
                Refused::new(format!("cannot make {source:?} absolute: {error}"))
            })?;
            mount.source = Some(path.display().to_string());
        } else if mount.bind_options.is_some() {
            return Err(Refused::new("options of bind are for type=bind"));
        } else if is(MountType::TMPFS) && mount.source.is_some() {
            return Err(Refused::new("a tmpfs has no source"));
        }
        if mount.volume_options.is_some() && mount.typ != Some(MountType::VOLUME) {
            return Err(Refused::new("options of volume are for type=volume"));
        }
        if mount.tmpfs_options.is_some() && mount.typ != Some(MountType::TMPFS) {
            return Err(Refused::new("options of tmpfs are for type=tmpfs"));
        }
        Ok(Self(mount))
    }
}

fn read(mount: &mut Model, key: &str, value: Option<&str>) -> Result<(), Refused> {
    let given = || {
        let value = value.filter(|value| !value.is_empty());
        value.ok_or_else(|| Refused::new(format!("write {key}=VALUE")))
    };
    let on = || match value {
        None | Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(Refused::new(format!("{key} is true or false"))),
    };
    match key {
        "type" => {
            mount.typ = Some(match given()? {
                "bind" => MountType::BIND,
                "volume" => MountType::VOLUME,
                "tmpfs" => MountType::TMPFS,
                "image" => MountType::IMAGE,
                other => return Err(Refused::new(format!("{other:?} is no type of mount"))),
            });
        }
        "source" | "src" => mount.source = Some(given()?.to_owned()),
        "target" | "destination" | "dst" => mount.target = Some(given()?.to_owned()),
        "readonly" | "ro" => mount.read_only = on()?,
        "consistency" => mount.consistency = Some(given()?.to_owned()),
        "bind-propagation" => bind(mount).propagation = Some(propagation(given()?)?),
        "bind-nonrecursive" => bind(mount).non_recursive = on()?,
        "volume-nocopy" => volume(mount).no_copy = on()?,
        "volume-subpath" => volume(mount).subpath = Some(given()?.to_owned()),
        "volume-label" => insert(&mut volume(mount).labels, given()?),
        "volume-driver" => driver(mount).name = Some(given()?.to_owned()),
        "volume-opt" => insert(&mut driver(mount).options, given()?),
        "tmpfs-size" => {
            let Bytes(bytes) = given()?.parse()?;
            tmpfs(mount).size_bytes = Some(bytes);
        }
        "tmpfs-mode" => {
            let mode = i64::from_str_radix(given()?, 8);
            let mode = mode.map_err(|_| Refused::new("tmpfs-mode is an octal number"))?;
            tmpfs(mount).mode = Some(mode);
        }
        _ => return Err(Refused::new(format!("unexpected key {key:?}"))),
    }
    Ok(())
}

fn propagation(text: &str) -> Result<Propagation, Refused> {
    Ok(match text {
        "private" => Propagation::PRIVATE,
        "rprivate" => Propagation::RPRIVATE,
        "shared" => Propagation::SHARED,
        "rshared" => Propagation::RSHARED,
        "slave" => Propagation::SLAVE,
        "rslave" => Propagation::RSLAVE,
        _ => {
            return Err(Refused::new(
                "bind-propagation is (r)private, (r)shared or (r)slave",
            ));
        }
    })
}

fn bind(mount: &mut Model) -> &mut MountBindOptions {
    mount.bind_options.get_or_insert_default()
}

fn volume(mount: &mut Model) -> &mut MountVolumeOptions {
    mount.volume_options.get_or_insert_default()
}

fn driver(mount: &mut Model) -> &mut MountVolumeOptionsDriverConfig {
    volume(mount).driver_config.get_or_insert_default()
}

fn tmpfs(mount: &mut Model) -> &mut MountTmpfsOptions {
    mount.tmpfs_options.get_or_insert_default()
}

fn insert(map: &mut Option<HashMap<String, String>>, pair: &str) {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    map.get_or_insert_default()
        .insert(key.to_owned(), value.to_owned());
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        let mount = text
            .parse::<Mount>()
            .map_err(|refused| refused.to_string())?;
        Ok(serde_json::to_value(mount.model()).unwrap())
    }

    #[test]
    fn each_type_has_its_options() {
        for (text, expected) in [
            (
                "source=data,target=/data,volume-nocopy,volume-label=a=b",
                json!({"Type":"volume","Source":"data","Target":"/data","VolumeOptions":{"NoCopy":true,"Labels":{"a":"b"}}}),
            ),
            (
                "type=bind,src=/srv,dst=/x,ro,bind-propagation=rprivate",
                json!({"Type":"bind","Source":"/srv","Target":"/x","ReadOnly":true,"BindOptions":{"Propagation":"rprivate"}}),
            ),
            (
                "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700",
                json!({"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1 << 20,"Mode":0o700}}),
            ),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        for wrong in [
            "source=data",
            "type=bind,target=/x",
            "type=tmpfs,source=a,target=/x",
            "type=tmpfs,target=/x,volume-nocopy",
            "target=/x,tmpfs-size=1m",
            "target=/x,bind-propagation=shared",
            "type=magic,target=/x",
            "target=/x,colour=red",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
