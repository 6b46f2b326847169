//! Creating a container.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bollard_stubs::models::{ContainerCreateBody, ContainerCreateResponse};
use serde::Deserialize;

use super::main_endpoint::main_endpoint;
use super::sysctls;
use crate::api::body::Json;
use crate::api::error::Failure;
use crate::api::query::Params;
use crate::api::version::{ApiVersion, GATEWAY_PRIORITY};
use crate::api::{Answer, Api};
use crate::daemon::ContainerRequest;

/// The first version in which a container is created on several networks at once.
const SEVERAL_NETWORKS: ApiVersion = ApiVersion::new(44);

/// A body with the member that endpoints have taken over.
#[derive(Deserialize, Default)]
pub(super) struct Body {
    #[serde(flatten)]
    container: ContainerCreateBody,
    #[serde(rename = "MacAddress", default)]
    mac_address: Option<String>,
}

pub(super) async fn create(
    State(api): State<Api>,
    version: ApiVersion,
    params: Params,
    Json(body): Json<Body>,
) -> Answer<Response> {
    if body.container == ContainerCreateBody::default() {
        return Err(Failure::invalid(
            "config cannot be empty in order to create a container",
        ));
    }
    let mut body = adapt(body, version)?;
    let name = params.text("name").map(str::to_owned);
    let mut warnings = warnings(&body);
    warnings.extend(sysctls::migrate(&mut body, version)?);
    let request = ContainerRequest { name, body };
    let id = api
        .run(move |daemon| daemon.create_container(request))
        .await?;
    let answer = ContainerCreateResponse {
        id: id.to_string(),
        warnings,
    };
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

/// What a client should know of a request that is granted, but not to the letter.
fn warnings(body: &ContainerCreateBody) -> Vec<String> {
    let host = body.host_config.as_ref();
    let on_host = host.is_some_and(|host| host.network_mode.as_deref() == Some("host"));
    let ports = host.and_then(|host| host.port_bindings.as_ref());
    let discarded = "Published ports are discarded when using host network mode";
    let publishes = ports.is_some_and(|ports| !ports.is_empty());
    (on_host && publishes)
        .then(|| discarded.to_owned())
        .into_iter()
        .collect()
}

/// Reads a body as its version meant it.
fn adapt(body: Body, version: ApiVersion) -> Result<ContainerCreateBody, Failure> {
    let Body {
        mut container,
        mac_address,
    } = body;
    if let Some(mac) = mac_address.filter(|mac| !mac.is_empty()) {
        let host = container.host_config.get_or_insert_default();
        main_endpoint(host, &mut container.networking_config)
            .mac_address
            .get_or_insert(mac);
    }
    let config = container.networking_config.as_mut();
    let Some(endpoints) = config.and_then(|config| config.endpoints_config.as_mut()) else {
        return Ok(container);
    };
    if version < SEVERAL_NETWORKS && endpoints.len() > 1 {
        let mut names: Vec<_> = endpoints.keys().map(String::as_str).collect();
        names.sort_unstable();
        return Err(Failure::invalid(format!(
            "Container cannot be created with multiple network endpoints: {}",
            names.join(", ")
        )));
    }
    if version < GATEWAY_PRIORITY {
        endpoints
            .values_mut()
            .for_each(|endpoint| endpoint.gw_priority = None);
    }
    Ok(container)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(text: &str, minor: u32) -> Result<ContainerCreateBody, String> {
        let body = serde_json::from_str(text).unwrap();
        adapt(body, ApiVersion::new(minor)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn older_versions_know_one_network_and_no_priorities() {
        let two = r#"{"NetworkingConfig":{"EndpointsConfig":{"b":{},"a":{"GwPriority":1}}}}"#;
        let refusal = "Container cannot be created with multiple network endpoints: a, b";
        assert_eq!(adapted(two, 43).unwrap_err(), refusal);
        let priority = |minor| {
            let config = adapted(two, minor).unwrap().networking_config.unwrap();
            config.endpoints_config.unwrap()["a"].gw_priority
        };
        assert_eq!((priority(47), priority(48)), (None, Some(1)));
    }

    #[test]
    fn a_mac_address_at_the_top_is_the_main_networks() {
        let text =
            r#"{"Image":"x","MacAddress":"02:00:00:00:00:01","HostConfig":{"NetworkMode":"n"}}"#;
        let config = adapted(text, 44).unwrap().networking_config.unwrap();
        let mac = config.endpoints_config.unwrap()["n"].mac_address.clone();
        assert_eq!(mac.as_deref(), Some("02:00:00:00:00:01"));
    }
}
