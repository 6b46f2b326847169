//! `POST /sandboxes/{id}/update`: what a sandbox that lives is to have from now on.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use bollard_stubs::models::PortMap;
use rnet_model::{IfName, MacAddress, Mtu};
use serde::Deserialize;

use super::Shown;
use crate::api::body::Json as Body;
use crate::api::query::Params;
use crate::api::render::sandbox::shown;
use crate::api::{Answer, Api};
use crate::daemon::{GuestChange, InterfaceChange};

/// What is left out stays as it is.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdateRequest {
    port_bindings: Option<PortMap>,
    interface: Option<Interface>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Interface {
    name: IfName,
    #[serde(default)]
    aliases: Vec<String>,
    mac_address: Option<MacAddress>,
    mtu: Option<Mtu>,
    #[serde(default)]
    driver_opts: BTreeMap<String, String>,
}

/// `runtime` makes the reference one of that runtime's own, and nothing else.
pub(super) async fn update(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
    Body(body): Body<UpdateRequest>,
) -> Answer<Json<Option<Shown>>> {
    let runtime = params.text("runtime").map(str::to_owned);
    let change = read(body);
    let altered = api.run(move |daemon| {
        let sandbox = daemon.alter_guest(runtime.as_deref(), &id, &change)?;
        Ok(shown(daemon, &sandbox))
    });
    Ok(Json(altered.await?))
}

fn read(body: UpdateRequest) -> GuestChange {
    let interface = body.interface.map(|it| InterfaceChange {
        name: it.name,
        aliases: it.aliases,
        mac: it.mac_address,
        mtu: it.mtu,
        options: it.driver_opts,
    });
    GuestChange {
        port_bindings: body.port_bindings,
        interface,
    }
}
