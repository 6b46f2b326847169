//! The result of an attachment, in the version that was asked for (CNI specification 1.1.0, section 5, "Success").

use serde_json::{Value, json};

use super::config::Config;
use super::error::{CniError, Code};
use super::invocation::Attachment;
use crate::resolv_conf::ResolvConf;
use crate::sandboxes::{Address, addresses, place};

/// The place on a network of the attachment's interface.
pub(super) fn place_of<'a>(
    sandbox: &'a Value,
    attachment: &Attachment,
) -> Result<&'a Value, CniError> {
    let name = attachment.ifname.as_str();
    place(sandbox, name).ok_or_else(|| {
        let container = &attachment.container;
        let message = format!("container {container} has no interface {name} of rnet's");
        CniError::new(Code::Changed, message)
    })
}

/// The result, with what the plugins before this one have done.
pub(super) fn of(
    config: &Config,
    attachment: &Attachment,
    sandbox: &Value,
) -> Result<Value, CniError> {
    let place = place_of(sandbox, attachment)?;
    let mut result = config.prev_result.clone().unwrap_or_else(|| json!({}));
    let interfaces = list(&mut result, "interfaces");
    let index = interfaces.len();
    interfaces.push(json!({
        "name": attachment.ifname.as_str(),
        "mac": place["MacAddress"],
        "sandbox": attachment.namespace,
    }));
    // whoever comes next in the chain may have something to do with the host's end
    if let Some(outside) = place["HostInterface"].as_str().filter(|it| !it.is_empty()) {
        interfaces.push(json!({"name": outside}));
    }
    let leads_out = place["Internal"] == false;
    for Address { cidr, gateway } in addresses(place) {
        let v4 = !cidr.contains(':');
        let mut ip = json!({"address": cidr, "interface": index});
        if let Some(gateway) = gateway {
            ip["gateway"] = gateway.into();
        }
        if config.cni_version.starts_with("0.") {
            ip["version"] = if v4 { "4" } else { "6" }.into();
        }
        list(&mut result, "ips").push(ip);
        if let Some(gateway) = gateway.filter(|_| leads_out) {
            let destination = if v4 { "0.0.0.0/0" } else { "::/0" };
            list(&mut result, "routes").push(json!({"dst": destination, "gw": gateway}));
        }
    }
    let conf = ResolvConf::parse(sandbox["ResolvConf"].as_str().unwrap_or_default());
    result["dns"] = json!({
        "nameservers": conf.nameservers, "search": conf.search, "options": conf.options,
    });
    result["cniVersion"] = config.cni_version.clone().into();
    Ok(result)
}

fn list<'a>(result: &'a mut Value, key: &str) -> &'a mut Vec<Value> {
    if !result[key].is_array() {
        result[key] = json!([]);
    }
    result[key].as_array_mut().expect("it is an array now")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(version: &str, previous: &str) -> Value {
        let config = format!(r#"{{"cniVersion":"{version}","name":"n"{previous}}}"#);
        let config = Config::read(config.as_bytes()).unwrap();
        let attachment = Attachment {
            container: "c".to_owned(),
            namespace: Some("/run/netns/c".into()),
            ifname: "eth0".parse().unwrap(),
            arguments: Default::default(),
        };
        let sandbox = json!({
            "ResolvConf": "nameserver 127.0.0.11\n",
            "NetworkSettings": {"Networks": {"n": {
                "InterfaceName": "eth0", "HostInterface": "veth1", "MacAddress": "02:00:00:00:00:01", "Internal": false,
                "IPAddress": "10.9.0.2", "IPPrefixLen": 16, "Gateway": "10.9.0.1",
                "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "IPv6Gateway": "",
            }}},
        });
        of(&config, &attachment, &sandbox).unwrap()
    }

    #[test]
    fn a_result_is_of_the_version_asked_for() {
        let wanted = json!({
            "cniVersion": "1.1.0",
            "interfaces": [
                {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c"}, {"name": "veth1"},
            ],
            "ips": [{"address": "10.9.0.2/16", "interface": 0, "gateway": "10.9.0.1"}],
            "routes": [{"dst": "0.0.0.0/0", "gw": "10.9.0.1"}],
            "dns": {"nameservers": ["127.0.0.11"], "search": [], "options": []},
        });
        assert_eq!(made("1.1.0", ""), wanted);
        assert_eq!(made("0.4.0", "")["ips"][0]["version"], "4");
    }

    #[test]
    fn what_others_did_before_stays_in_the_result() {
        let previous = r#","prevResult":{"interfaces":[{"name":"lo"}],"ips":[{"address":"127.0.0.1/8","interface":0}]}"#;
        let result = made("1.0.0", previous);
        assert_eq!(result["interfaces"][0]["name"], "lo");
        assert_eq!(result["ips"][1]["interface"], 1);
    }
}
