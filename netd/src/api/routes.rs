//! The routes of the API, which tell what they are: the router and its description are made from one list.

use axum::Router;
use axum::extract::Extension;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Api;
use super::schema::schema;

/// The parameters of the query that a route has; to its handler, others are not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Declared(pub(super) &'static [&'static str]);

/// What a request carries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Carries {
    /// Nothing.
    #[default]
    Nothing,
    /// A JSON document, of this schema.
    Json(fn() -> Value),
    /// A tar archive.
    Archive,
}

impl Carries {
    /// A document that `T` is read from.
    pub(super) fn json<T: DeserializeOwned>() -> Self {
        Self::Json(schema::<T>)
    }
}

/// One thing that can be asked for.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// Where; several where the handler itself looks at what follows a name.
    pub(super) paths: Vec<String>,
    pub(super) method: Method,
    /// The handler's path in the code, in the words that tell it from others.
    pub(super) name: String,
    pub(super) parameters: &'static [&'static str],
    pub(super) carries: Carries,
}

/// Routes, and what each of them is.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<Api>,
    operations: Vec<Operation>,
}

/// What one path answers, by method.
#[derive(Default)]
pub(super) struct Methods(Vec<(Operation, MethodRouter<Api>)>);

impl Routes {
    /// No routes yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The same, and what one path answers.
    pub(super) fn route(mut self, path: &str, methods: Methods) -> Self {
        let mut all = MethodRouter::new();
        for (operation, handler) in methods.0 {
            let declared = Extension(Declared(operation.parameters));
            all = all.merge(match operation.parameters {
                [] => handler,
                _ => handler.layer(declared),
            });
            let paths = match operation.paths {
                none if none.is_empty() => vec![path.to_owned()],
                paths => paths,
            };
            self.operations.push(Operation { paths, ..operation });
        }
        self.router = self.router.route(path, all);
        self
    }

    /// Both.
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }

    /// What serves them, and what they are.
    pub(super) fn into_parts(self) -> (Router<Api>, Vec<Operation>) {
        (self.router, self.operations)
    }
}

/// A path that answers GET.
pub(super) fn get<H: Handler<T, Api>, T: 'static>(handler: H) -> Methods {
    Methods::default().get(handler)
}

/// A path that answers POST.
pub(super) fn post<H: Handler<T, Api>, T: 'static>(handler: H) -> Methods {
    Methods::default().post(handler)
}

/// A path that answers DELETE.
pub(super) fn delete<H: Handler<T, Api>, T: 'static>(handler: H) -> Methods {
    Methods::default().delete(handler)
}

macro_rules! methods {
    ($($method:ident $constant:ident)*) => {
        impl Methods {
            $(
                /// The same, and this method.
                pub(super) fn $method<H: Handler<T, Api>, T: 'static>(self, handler: H) -> Self {
                    let name = std::any::type_name::<H>();
                    self.and(Method::$constant, on(MethodFilter::$constant, handler), name)
                }
            )*
        }
    };
}

methods! { get GET post POST put PUT delete DELETE head HEAD }

impl Methods {
    /// Names the parameters of the query that the last method has.
    pub(super) fn reads(mut self, parameters: &'static [&'static str]) -> Self {
        if let Some((operation, _)) = self.0.last_mut() {
            operation.parameters = parameters;
        }
        self
    }

    /// Tells of the paths that the last method's handler takes apart itself.
    pub(super) fn at(mut self, paths: &[&str]) -> Self {
        if let Some((operation, _)) = self.0.last_mut() {
            operation.paths = paths.iter().map(ToString::to_string).collect();
        }
        self
    }

    /// Says what requests of the last method carry.
    pub(super) fn takes(mut self, carries: Carries) -> Self {
        if let Some((operation, _)) = self.0.last_mut() {
            operation.carries = carries;
        }
        self
    }

    fn and(mut self, method: Method, handler: MethodRouter<Api>, name: &str) -> Self {
        let name = name.trim_start_matches("netd::api::").replace("::", ".");
        let operation = Operation {
            paths: Vec::new(),
            name: name.replace(".{{closure}}", ""),
            method,
            parameters: &[],
            carries: Carries::Nothing,
        };
        self.0.push((operation, handler));
        self
    }
}
