//! Which images a list shows.

use jiff::Timestamp;
use regex_lite::Regex;
use rnet_runtime_glue::image::{Image, ImageStore, Reference};

use crate::api::Answer;
use crate::api::filter::Filters;
use crate::api::query::Params;
use crate::api::time::moment;

const FILTERS: &[&str] = &["before", "dangling", "label", "reference", "since", "until"];

/// What is asked for.
pub(super) struct Select {
    filters: Filters,
    dangling: Option<bool>,
    until: Vec<Timestamp>,
}

impl Select {
    pub(super) fn read(params: &Params) -> Answer<Self> {
        let filters = params.filters(FILTERS)?;
        let until = filters
            .values("until")
            .map(moment)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            dangling: filters.flag("dangling")?,
            until,
            filters,
        })
    }

    /// Those that fit, each with those of its names that do; an image named by a filter has to be there.
    pub(super) fn of(&self, store: &ImageStore) -> crate::error::Result<Vec<Image>> {
        let created = |kind: &str| {
            let found = self
                .filters
                .values(kind)
                .map(|name| Ok(store.find(name)?.created));
            found.collect::<crate::error::Result<Vec<_>>>()
        };
        let (before, since) = (created("before")?, created("since")?);
        let fits = |image: &Image| {
            let labels = &image.config.labels;
            let nameless = image.references.is_empty();
            let wanted = match self.dangling {
                None => true,
                Some(true) => nameless,
                // one that only a digest names is not nothing
                Some(false) => !nameless || !image.digests.is_empty(),
            };
            wanted
                && self
                    .until
                    .iter()
                    .chain(&before)
                    .all(|moment| image.created < *moment)
                && since.iter().all(|moment| image.created > *moment)
                && self
                    .filters
                    .labels("label", |key| labels.get(key).map(String::as_str))
        };
        let patterns: Vec<_> = self
            .filters
            .values("reference")
            .filter_map(pattern)
            .collect();
        let mut images = store.list();
        images.retain(fits);
        if self.filters.values("reference").next().is_some() {
            for image in &mut images {
                let named = |it: &Reference| matches(&patterns, &it.to_string(), it.repository());
                image.references.retain(named);
                image
                    .digests
                    .retain(|it| matches(&patterns, &it.to_string(), it.repository()));
            }
            images.retain(|image| !image.references.is_empty() || !image.digests.is_empty());
        }
        Ok(images)
    }
}

fn matches(patterns: &[Regex], whole: &str, repository: &str) -> bool {
    patterns
        .iter()
        .any(|it| it.is_match(whole) || it.is_match(repository))
}

/// A pattern of Go's `path.Match` without classes: `*` and `?` stand for what has no slash.
fn pattern(text: &str) -> Option<Regex> {
    let text = text
        .strip_prefix("docker.io/library/")
        .or(text.strip_prefix("docker.io/"))
        .unwrap_or(text);
    let part = |c: char| match c {
        '*' => "[^/]*".to_owned(),
        '?' => "[^/]".to_owned(),
        c => regex_lite::escape(c.encode_utf8(&mut [0; 4])),
    };
    let body: String = text.chars().map(part).collect();
    Regex::new(&format!("^{body}$")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_of_a_whole_name_with_its_tag_or_without() {
        let fits = |text: &str, whole: &str| {
            let repository = whole.rsplit_once(':').unwrap().0;
            matches(&[pattern(text).unwrap()], whole, repository)
        };
        for text in [
            "busybox",
            "busy*",
            "busybox:1.?",
            "*:1.3",
            "docker.io/library/busybox",
        ] {
            assert!(fits(text, "busybox:1.3"), "{text}");
        }
        assert!(fits("localhost:5000/*/app", "localhost:5000/team/app:1"));
        for text in ["busy", "*box:2", "b.sybox", "team/*"] {
            assert!(!fits(text, "busybox:1.3"), "{text}");
        }
        assert!(!fits("*", "team/app:1"));
    }
}
