//! The query of a request, read as the Docker Engine reads it.

use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::error::Failure;
use super::filter::Filters;
use super::routes::Declared;

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Params {
    given: HashMap<String, String>,
    /// None where the route says nothing of its parameters.
    declared: Option<Declared>,
}

impl Params {
    /// A parameter that is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        debug_assert!(
            self.declared.is_none_or(|it| it.0.contains(&name)),
            "{name} is read and not declared by the route"
        );
        self.given
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether a switch is on that is `default` where it is not named.
    pub(super) fn flag_or(&self, name: &str, default: bool) -> bool {
        match self.text(name) {
            Some(_) => self.flag(name),
            None => default,
        }
    }

    /// Whether a switch is on: anything but nothing, `0`, `no`, `false` and `none` is.
    pub(super) fn flag(&self, name: &str) -> bool {
        let value = self
            .text(name)
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        !matches!(value.as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// A number, if there is one.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Failure::invalid(format!(
                "invalid {name} {text:?}: not a number"
            ))),
        }
    }

    /// The filters, which may be of these kinds.
    pub(super) fn filters(&self, kinds: &[&str]) -> Result<Filters, Failure> {
        Filters::parse(self.text("filters").unwrap_or_default(), kinds)
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let Query(mut given): Query<HashMap<String, String>> = Query::try_from_uri(&parts.uri)
            .map_err(|error| Failure::invalid(format!("invalid query: {error}")))?;
        let declared = parts.extensions.get::<Declared>().copied();
        if let Some(Declared(names)) = declared {
            given.retain(|name, _| names.contains(&name.as_str()));
        }
        Ok(Self { given, declared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_on_unless_they_say_otherwise() {
        let params = |value: &str| Params {
            given: HashMap::from([("x".to_owned(), value.to_owned())]),
            declared: None,
        };
        for on in ["1", "true", "True", "yes", "anything"] {
            assert!(params(on).flag("x"), "{on}");
        }
        for off in ["", "0", "no", "false", "False", "none", " 0 "] {
            assert!(!params(off).flag("x"), "{off:?}");
        }
        assert!(!params("1").flag("y"));
    }

    #[test]
    fn a_number_that_is_none_is_refused_by_name() {
        let params = Params {
            given: HashMap::from([("t".to_owned(), "soon".to_owned())]),
            declared: None,
        };
        let error = params.number::<i64>("t").unwrap_err();
        assert_eq!(error.to_string(), "invalid t \"soon\": not a number");
    }
}
