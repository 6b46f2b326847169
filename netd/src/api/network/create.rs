//! Creating a network.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bollard_stubs::models::{Ipam, IpamConfig, NetworkCreateRequest, NetworkCreateResponse};
use rnet_ipam::SubnetRequest;

use crate::api::body::Json;
use crate::api::version::ApiVersion;
use crate::api::{Answer, Api};
use crate::daemon::{Conflict, Daemon, NetworkRequest};
use crate::error::{Error, Result};

pub(super) async fn create(
    State(api): State<Api>,
    version: ApiVersion,
    Json(body): Json<NetworkCreateRequest>,
) -> Answer<Response> {
    let mut request = read(body)?;
    if version < ApiVersion::new(48) {
        request.enable_ipv4 = None; // the field is younger
    }
    let answer = api.run(move |daemon| made(daemon, request)).await?;
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

/// Makes the network; warns of routes of the host into a subnet that was given, as automatic ones have none.
fn made(daemon: &Daemon, request: NetworkRequest) -> Result<NetworkCreateResponse> {
    let given = request.subnets.iter().any(|it| it.subnet.is_some());
    let id = daemon.create_network(request)?;
    let network = daemon.read(|state| state.network(id).filter(|_| given).cloned());
    let conflicts = network.map_or(Ok(Vec::new()), |it| daemon.conflicts_of(&it))?;
    let warnings: Vec<_> = conflicts.iter().map(Conflict::to_string).collect();
    Ok(NetworkCreateResponse {
        id: id.to_string(),
        warning: warnings.join("\n"),
    })
}

/// Reads the body into a request; refuses what is malformed, and what is not supported yet.
fn read(body: NetworkCreateRequest) -> Result<NetworkRequest> {
    let on = |switch: Option<bool>| switch.unwrap_or(false);
    let template = body
        .config_from
        .and_then(|from| from.network)
        .unwrap_or_default();
    let scope = body.scope.unwrap_or_default();
    if on(body.ingress) || !matches!(scope.as_str(), "" | "local") {
        return Err(Error::Unsupported(
            "Ingress, and a Scope other than local, are of networks that several hosts share: \
             rnet's are of one host, so leave them out"
                .to_owned(),
        ));
    }
    let config_only = on(body.config_only);
    if config_only && !scope.is_empty() {
        return Err(Error::Forbidden(
            "configuration network can only contain network specific fields: leave out Scope"
                .to_owned(),
        ));
    }
    let Ipam {
        driver,
        config,
        options,
    } = body.ipam.unwrap_or_default();
    let ipam_driver = driver.unwrap_or_default();
    let builds_in = body.driver.as_deref().unwrap_or_default();
    let is_built_in =
        matches!(builds_in, "" | "default") || rnet_drivers::driver(builds_in).is_some();
    if ipam_driver == "null" && is_built_in {
        // libnetwork, drivers/bridge, `CreateNetwork`
        let family = if body.enable_ipv4 == Some(false) {
            "ipv6"
        } else {
            "ipv4"
        };
        return Err(Error::invalid(format!(
            "{family} pool is empty: a bridge needs a subnet, and the IPAM driver null gives none; leave it out"
        )));
    }
    Ok(NetworkRequest {
        name: body.name,
        driver: body
            .driver
            .filter(|driver| !matches!(driver.as_str(), "" | "default")),
        enable_ipv4: body.enable_ipv4,
        enable_ipv6: body.enable_ipv6,
        internal: on(body.internal),
        attachable: on(body.attachable),
        config_only,
        config_from: Some(template).filter(|template| !template.is_empty()),
        subnets: subnets(config.unwrap_or_default())?,
        ipam_driver: Some(ipam_driver).filter(|it| !matches!(it.as_str(), "" | "default")),
        ipam_options: options.unwrap_or_default().into_iter().collect(),
        options: body.options.unwrap_or_default().into_iter().collect(),
        labels: body.labels.unwrap_or_default().into_iter().collect(),
    })
}

/// Reads every entry, and tells of all mistakes at once.
fn subnets(entries: Vec<IpamConfig>) -> Result<Vec<SubnetRequest>> {
    let mut mistakes = Vec::new();
    let subnets: Vec<_> = entries
        .into_iter()
        .map(|entry| subnet(entry, &mut mistakes))
        .collect();
    if mistakes.is_empty() {
        return Ok(subnets);
    }
    let more = subnets.iter().filter(|entry| entry.subnet.is_some());
    let more = more.flat_map(rnet_ipam::mistakes);
    mistakes.extend(more.map(|mistake| mistake.to_string()));
    Err(Error::Invalid(format!(
        "invalid network config:\n{}",
        mistakes.join("\n")
    )))
}

fn subnet(entry: IpamConfig, mistakes: &mut Vec<String>) -> SubnetRequest {
    let mut auxiliary_addresses = BTreeMap::new();
    for (name, text) in entry.auxiliary_addresses.into_iter().flatten() {
        let address: Option<IpAddr> = parse("auxiliary address", Some(text), mistakes);
        auxiliary_addresses.extend(address.map(|address| (name, address)));
    }
    SubnetRequest {
        subnet: parse("subnet", entry.subnet, mistakes),
        ip_range: parse("ip-range", entry.ip_range, mistakes),
        gateway: parse("gateway", entry.gateway, mistakes),
        auxiliary_addresses,
    }
}

/// Reads one field; what is wrong with it is told in the words of libnetwork (api/types/network, `ValidateIPAM`).
fn parse<T: FromStr>(what: &str, text: Option<String>, mistakes: &mut Vec<String>) -> Option<T> {
    let text = text.filter(|text| !text.is_empty())?;
    let is_block = matches!(what, "subnet" | "ip-range");
    // a bare address is no subnet, although it can be read as one of a single address
    let parsed = text.parse().ok().filter(|_| text.contains('/') == is_block);
    if parsed.is_none() {
        let reason = match is_block {
            true => "invalid CIDR block notation",
            false => "invalid address",
        };
        mistakes.push(format!("invalid {what} {text}: {reason}"));
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<NetworkRequest> {
        read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn what_the_docker_cli_sends_is_read() {
        let request = request(
            r#"{"Name":"n","CheckDuplicate":true,"Driver":"bridge","Scope":"","EnableIPv6":false,
                "IPAM":{"Driver":"default","Options":{},"Config":[{"Subnet":"172.25.0.0/16",
                "IPRange":"172.25.100.0/24","Gateway":"","AuxiliaryAddresses":{"r":"172.25.0.9"}}]},
                "Internal":false,"Attachable":false,"Ingress":false,"ConfigOnly":false,
                "ConfigFrom":{"Network":""},"Options":{"a":"b"},"Labels":{"k":"v"}}"#,
        )
        .unwrap();
        assert_eq!(
            (request.name.as_str(), request.driver.as_deref()),
            ("n", Some("bridge"))
        );
        let subnet = &request.subnets[0];
        assert_eq!(subnet.subnet, Some("172.25.0.0/16".parse().unwrap()));
        assert_eq!(subnet.gateway, None);
        assert_eq!(
            subnet.auxiliary_addresses["r"],
            "172.25.0.9".parse::<IpAddr>().unwrap()
        );
        assert_eq!(
            (request.options["a"].as_str(), request.labels["k"].as_str()),
            ("b", "v")
        );
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let error = request(
            r#"{"Name":"n","IPAM":{"Config":[{"Subnet":"172.25.0.0","Gateway":"x"},{"IPRange":"10.0.0.0/40"},{"Subnet":"10.0.0.1/8"}]}}"#,
        )
        .unwrap_err()
        .to_string();
        assert_eq!(error.lines().count(), 5, "{error}");
        for word in [
            "invalid network config:",
            "subnet 172.25.0.0:",
            "gateway x:",
            "ip-range 10.0.0.0/40: invalid CIDR block notation",
            "subnet 10.0.0.1/8: it should be 10.0.0.0/8",
        ] {
            assert!(error.contains(word), "{word} in {error}");
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (text, field) in [
            (r#"{"Name":"n","Ingress":true}"#, "Ingress"),
            (r#"{"Name":"n","Scope":"swarm"}"#, "Scope"),
            (
                r#"{"Name":"n","IPAM":{"Driver":"null"}}"#,
                "ipv4 pool is empty",
            ),
            (
                r#"{"Name":"n","EnableIPv4":false,"IPAM":{"Driver":"null"}}"#,
                "ipv6 pool is empty",
            ),
        ] {
            assert!(
                request(text).unwrap_err().to_string().contains(field),
                "{text}"
            );
        }
    }
}
