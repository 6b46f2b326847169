//! What configurations say, and what is refused of them.

use super::*;

fn config(text: &str) -> Config {
    Config::read(text.as_bytes()).unwrap()
}

#[test]
fn what_runtimes_write_is_read() {
    let config = config(
        r#"{"cniVersion":"1.0.0","name":"pods","type":"rnet","subnets":[{"subnet":"10.9.0.0/16"}],
            "ipam":{},"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}],
            "dns":{"servers":["1.1.1.1"],"searches":["a"]},"cgroupPath":"/x"},
            "cni.dev/valid-attachments":[{"containerID":"c","ifname":"eth0"}]}"#,
    );
    let wanted = crate::cni::attach::wanted(&config).unwrap();
    assert_eq!(wanted.name(&config), "pods");
    assert_eq!(config.socket, PathBuf::from(SOCKET));
    assert_eq!(wanted.subnets[0].subnet, "10.9.0.0/16");
    let runtime = &config.runtime_config;
    assert_eq!(runtime.port_mappings[0].host_port, 8080);
    assert_eq!(runtime.dns.as_ref().unwrap().servers, ["1.1.1.1"]);
    assert_eq!(config.valid_attachments.unwrap()[0].ifname, "eth0");
}

#[test]
fn commands_are_refused_in_versions_that_do_not_have_them() {
    let speaks = |version: &str, command| {
        config(&format!(r#"{{"cniVersion":"{version}"}}"#))
            .check_version(command)
            .is_ok()
    };
    assert!(speaks("0.3.1", Command::Add) && speaks("1.1.0", Command::Gc));
    assert!(!speaks("0.3.1", Command::Check) && !speaks("1.0.0", Command::Status));
    assert!(!speaks("0.2.0", Command::Add) && !speaks("2.0.0", Command::Del));
}

#[test]
fn what_is_no_configuration_is_told_so() {
    let error = Config::read(&b"{"[..]).err().unwrap().document("1.1.0");
    assert_eq!(error["code"], 6);
}

#[test]
fn a_key_that_nobody_knows_is_refused_and_so_is_what_is_no_value_of_one() {
    let refused = |text: &str| {
        let refused = crate::cni::attach::wanted(&config(text)).err().unwrap();
        refused.document("1.0.0")
    };
    let error = refused(r#"{"name":"n","type":"rnet","subnet":"10.0.0.0/8"}"#);
    assert_eq!(error["code"], 2);
    assert!(error["msg"].as_str().unwrap().contains("`subnet`"));
    assert_eq!(refused(r#"{"name":"n","ipv6":"yes"}"#)["code"], 7);
}

#[test]
fn names_are_of_the_network_or_of_each() {
    let of = |aliases: &str| {
        let text = format!(r#"{{"name":"n","runtimeConfig":{{"aliases":{aliases}}}}}"#);
        config(&text).aliases().to_vec()
    };
    assert_eq!(of(r#"["a","b"]"#), ["a", "b"]);
    assert_eq!(of(r#"{"n":["a"],"other":["b"]}"#), ["a"]);
    assert!(of(r#"{"other":["b"]}"#).is_empty());
}
