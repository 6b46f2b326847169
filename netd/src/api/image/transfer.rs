//! Pulling images from registries and pushing them there.

use axum::http::HeaderMap;
use axum::response::Response;
use rnet_runtime_glue::image::{Digest, Reference};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::progress::{LINES, lines, moved};
use crate::api::error::Failure;
use crate::api::login::login;
use crate::api::query::Params;
use crate::api::{Answer, Api};
use crate::error::Result;
use crate::transfer::{Platform, Pull, Push, Tell, Told, Which, pull, push};

/// Pulls `fromImage`: of a name without a tag all tags, unless `tag` has one, or a digest.
pub(super) async fn pulled(
    api: Api,
    name: &str,
    params: &Params,
    headers: &HeaderMap,
) -> Answer<Response> {
    let (repository, which) = meant(name, params.text("tag"))?;
    let platform = params
        .text("platform")
        .map(str::parse::<Platform>)
        .transpose();
    let asked = Pull {
        repository,
        which,
        platform: platform.map_err(|error| Failure::invalid(error.to_string()))?,
        login: login(headers)?,
    };
    let daemon = api.daemon.clone();
    told(&api, async move |tell| pull(&daemon, asked, &tell).await).await
}

/// Pushes a repository's image with that tag; all of them without one.
pub(super) async fn pushed(
    api: Api,
    name: &str,
    params: &Params,
    headers: &HeaderMap,
) -> Answer<Response> {
    let (repository, which) = meant(name, params.text("tag"))?;
    let tag = match which {
        Which::Tag(tag) => Some(tag),
        Which::All => None,
        Which::Digest(_) => return Err(Failure::invalid("cannot push a digest reference")),
    };
    let asked = Push {
        repository,
        tag,
        login: login(headers)?,
    };
    let daemon = api.daemon.clone();
    told(&api, async move |tell| push(&daemon, asked, &tell).await).await
}

/// Does the work for as long as its client listens.
async fn told<W, F>(api: &Api, work: W) -> Answer<Response>
where
    W: FnOnce(Tell) -> F + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let (sender, receiver) = mpsc::channel(LINES);
    let closing = api.closing.clone();
    api.tasks.spawn(async move {
        let done = tokio::select! {
            done = work(Tell(sender.clone())) => done,
            () = sender.closed() => return,
        };
        if let Err(error) = done {
            // the client may have gone away meanwhile
            let _ = sender.send(Err(error)).await;
        }
    });
    lines(receiver, closing, line).await
}

fn line(told: Told) -> Value {
    match told {
        Told::Status { id: None, status } => json!({ "status": status }),
        Told::Status {
            id: Some(id),
            status,
        } => json!({ "status": status, "progressDetail": {}, "id": id }),
        Told::Moved {
            id,
            status,
            current,
            total,
        } => moved(&id, status, current, total),
        Told::Pushed { tag, digest, size } => json!({
            "progressDetail": {},
            "aux": { "Tag": tag, "Digest": digest, "Size": size },
        }),
    }
}

/// The repository and which of its images a name and a tag mean.
fn meant(name: &str, tag: Option<&str>) -> Answer<(Reference, Which)> {
    let invalid =
        |error: rnet_runtime_glue::image::InvalidReference| Failure::invalid(error.to_string());
    let digest = |text: &str| {
        let parsed: std::result::Result<Digest, _> = text.parse();
        parsed.map_err(|error| Failure::invalid(format!("invalid reference format: {error}")))
    };
    let (bare, pinned) = match name.split_once('@') {
        Some((bare, text)) => (bare, Some(digest(text)?)),
        None => (name, None),
    };
    let reference: Reference = bare.parse().map_err(invalid)?;
    let tagged = bare
        .rsplit_once(':')
        .is_some_and(|(_, tag)| !tag.contains('/'));
    let which = match (tag, pinned) {
        (Some(tag), _) if tag.contains(':') => Which::Digest(digest(tag)?),
        (Some(tag), _) => {
            let checked = Reference::new(reference.repository(), tag).map_err(invalid)?;
            Which::Tag(checked.tag().to_owned())
        }
        (None, Some(digest)) => Which::Digest(digest),
        (None, None) if tagged => Which::Tag(reference.tag().to_owned()),
        (None, None) => Which::All,
    };
    Ok((reference, which))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_a_tag_a_digest_or_all() {
        let digest = Digest::of(b"manifest");
        let shown = digest.to_string();
        let pinned = format!("app:1@{shown}");
        for (name, tag, which) in [
            ("app", None, Which::All),
            ("localhost:5000/app", None, Which::All),
            ("app:1", None, Which::Tag("1".into())),
            ("app", Some("2"), Which::Tag("2".into())),
            ("app:1", Some("2"), Which::Tag("2".into())),
            ("app", Some(shown.as_str()), Which::Digest(digest)),
            (pinned.as_str(), None, Which::Digest(digest)),
        ] {
            assert_eq!(meant(name, tag).unwrap().1, which, "{name} {tag:?}");
        }
        for (name, tag) in [
            ("App", None),
            ("app", Some("sha256:00")),
            ("app", Some("-")),
            ("app@x", None),
        ] {
            assert!(meant(name, tag).is_err(), "{name} {tag:?}");
        }
    }
}
