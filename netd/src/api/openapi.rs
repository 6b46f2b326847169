//! `GET /openapi.json`: the description of all that is served, made from the routes that serve it.

use serde_json::{Map, Value, json};

use super::routes::{Carries, Operation};
use super::version::{NEWEST, OLDEST};

/// Where the description is served.
pub(super) const PATH: &str = "/openapi.json";

/// Describes operations by OpenAPI 3.0.
pub(super) fn describe(operations: &[Operation]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        for path in &operation.paths {
            // a name that may have slashes is a name all the same
            let path = path.replace("{*", "{");
            let told = told(operation, &path);
            let entry = paths.entry(path).or_insert_with(|| json!({}));
            entry[operation.method.as_str().to_ascii_lowercase()] = told;
        }
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "rnet",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "The API of netd, in the shape of the Docker Engine API, versions {OLDEST} to {NEWEST}. \
                 Bodies are those of that API; docs/api.md tells what differs."
            ),
        },
        "servers": [{ "url": format!("/v{NEWEST}") }],
        "paths": paths,
        "components": { "schemas": { "Error": {
            "type": "object",
            "properties": { "message": { "type": "string" } },
            "required": ["message"],
        } } },
    })
}

fn told(operation: &Operation, path: &str) -> Value {
    let in_path = path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(parameter(name, "path"))
    });
    let in_query = operation
        .parameters
        .iter()
        .map(|name| parameter(name, "query"));
    let words = path.trim_matches('/').replace(['{', '}'], "");
    let tag = words.split('/').next().unwrap_or_default();
    let refusal = json!({
        "description": "why it was not done",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    });
    let mut told = json!({
        "operationId": format!("{}.{}", operation.name, words.replace('/', ".")),
        "tags": [tag],
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "default": refusal,
            "200": { "description": "done; other statuses below 400 say so, too" },
        },
    });
    let (kind, schema) = match operation.carries {
        Carries::Nothing => return told,
        Carries::Json(schema) => ("application/json", schema()),
        Carries::Archive => (
            "application/x-tar",
            json!({ "type": "string", "format": "binary" }),
        ),
    };
    told["requestBody"] = json!({ "content": { kind: { "schema": schema } } });
    told
}

fn parameter(name: &str, place: &str) -> Value {
    let mut parameter = json!({
        "name": name,
        "in": place,
        "required": place == "path",
        "schema": { "type": "string" },
    });
    if name == "filters" {
        parameter["description"] =
            json!("JSON: {\"label\":[\"k=v\"]} or {\"label\":{\"k=v\":true}}");
    }
    parameter
}
