//! How a failure is answered: the one place where errors become statuses.

use std::fmt;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Class, Error};

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
}

#[derive(Serialize)]
struct Message {
    message: String,
}

impl Failure {
    /// A request that makes no sense (400).
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// Something Docker has and rnet does not have yet (501).
    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_IMPLEMENTED,
            message: message.into(),
        }
    }

    /// A service of Docker's that this daemon does not take part in (503).
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: message.into(),
        }
    }

    /// A path that leads nowhere (404).
    pub(super) fn page_not_found() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: "page not found".to_owned(),
        }
    }

    /// A handler that was not brought to its end (500).
    pub(super) fn broken(error: tokio::task::JoinError) -> Self {
        tracing::error!("a request broke off: {error}");
        let message = "the request broke off inside netd: see its log".to_owned();
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            status: status(error.class()),
            message: error.chain(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.status == StatusCode::NOT_MODIFIED {
            return self.status.into_response(); // RFC 9110, 15.4.5: it has no content
        }
        (
            self.status,
            Json(Message {
                message: self.message,
            }),
        )
            .into_response()
    }
}

/// The answer for unknown paths, and for known ones with a method they do not have.
pub(super) async fn page_not_found() -> Failure {
    Failure::page_not_found()
}

const fn status(class: Class) -> StatusCode {
    match class {
        Class::NotModified => StatusCode::NOT_MODIFIED,
        Class::Invalid => StatusCode::BAD_REQUEST,
        Class::Unauthorized => StatusCode::UNAUTHORIZED,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::Conflict => StatusCode::CONFLICT,
        Class::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Class::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
