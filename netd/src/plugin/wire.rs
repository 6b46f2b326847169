//! The words of the protocol that several calls share.

use std::net::IpAddr;

use rnet_model::Cidr;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An empty object.
#[derive(Deserialize, Serialize)]
pub(super) struct Nothing {}

/// An address or a range of the protocol's: empty where there is none.
pub(super) fn cidr(text: &str) -> Result<Option<Cidr>> {
    let parsed = (!text.is_empty()).then(|| text.parse());
    parsed.transpose().map_err(|_| {
        Error::invalid(format!(
            "invalid address {text:?}: one with its prefix length is expected"
        ))
    })
}

/// The same without a prefix length, which is left out of account where there is one.
pub(super) fn address(text: &str) -> Result<Option<IpAddr>> {
    if let Ok(address) = text.parse() {
        return Ok(Some(address));
    }
    Ok(cidr(text)?.map(|it| it.ip()))
}
