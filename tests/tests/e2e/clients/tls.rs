//! The API over TCP, for clients with certificates alone.

use anyhow::{Context, Result, ensure};
use rnet_tests::Lab;

use crate::on_lab;

/// Makes two authorities, and certificates for the daemon and for clients good and bad, in a directory of the lab.
fn certify(lab: &Lab) -> Result<String> {
    let directory = lab.directory().join("tls").display().to_string();
    lab.host(&format!(
        r#"mkdir -p {directory}; cd {directory}
        authority() {{
            openssl req -x509 -newkey rsa:2048 -nodes -keyout $1-key.pem -out $1.pem -days 2 -subj "/CN=$1"
        }}
        certificate() {{ # name, authority, days, extensions
            mkdir -p $1; openssl req -newkey rsa:2048 -nodes -keyout $1/key.pem -out $1/request.pem -subj "/CN=$1"
            printf "$4" >$1/extensions
            openssl x509 -req -in $1/request.pem -CA $2.pem -CAkey $2-key.pem -CAcreateserial -days $3 \
                -extfile $1/extensions -out $1/cert.pem
            cp ca.pem $1/ca.pem
        }}
        {{ authority ca; authority other
        certificate server ca 2 'subjectAltName=DNS:lab,IP:192.0.2.1\nextendedKeyUsage=serverAuth'
        certificate client ca 2 'extendedKeyUsage=clientAuth'
        certificate stranger other 2 'extendedKeyUsage=clientAuth'
        certificate late ca -1 'extendedKeyUsage=clientAuth'
        certificate deceived ca 2 'extendedKeyUsage=clientAuth'; cp other.pem deceived/ca.pem; }} 2>&1"#
    ))?;
    Ok(directory)
}

/// Lets `netd` serve on TCP with these certificates, beside its socket.
fn serve(lab: &mut Lab, directory: &str) -> Result<()> {
    lab.stop_netd()?;
    lab.start_netd_with(&format!(
        "-H unix:///run/rnet/rnet.sock -H tcp://192.0.2.1:2376 --tlsverify --tlscacert {directory}/ca.pem \
         --tlscert {directory}/server/cert.pem --tlskey {directory}/server/key.pem"
    ))
}

#[test]
fn clients_come_over_tcp_with_a_certificate_and_nobody_comes_without() -> Result<()> {
    on_lab(|lab| {
        let directory = certify(lab)?;
        serve(lab, &directory)?;
        let docker = |who: &str, line: &str| {
            format!(
                "DOCKER_HOST=tcp://192.0.2.1:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH={directory}/{who} docker {line}"
            )
        };
        let rnet = |who: &str, line: &str| {
            format!(
                "RNET_HOST=tcp://192.0.2.1:2376 RNET_TLS_VERIFY=1 RNET_CERT_PATH={directory}/{who} rnet {line}"
            )
        };
        for client in [&docker, &rnet] as [&dyn Fn(&str, &str) -> String; 2] {
            let run = client("client", "run --rm busybox sh -c 'echo over tcp; exit 3'");
            let ran = lab.try_outside(&run)?;
            assert_eq!(
                (ran.stdout.as_str(), ran.code),
                ("over tcp", 3),
                "{}",
                ran.stderr
            );
            // what is typed ends, and what is answered still comes
            let cat = client("client", "run -i --rm busybox sh -c 'cat; echo end'");
            assert_eq!(lab.outside(&format!("echo in | {cat}"))?, "in\nend");
            for who in ["stranger", "late", "deceived"] {
                let ran = lab.try_outside(&client(who, "ps"))?;
                assert_ne!(ran.code, 0, "{who}");
                assert!(!ran.stdout.contains("CONTAINER"), "{who}: {}", ran.stdout);
            }
        }
        let ping = "curl -s --max-time 20 -o /dev/null -w '%{http_code}'";
        let https = "https://192.0.2.1:2376/_ping";
        let ca = format!("--cacert {directory}/ca.pem");
        let own = format!("--cert {directory}/client/cert.pem --key {directory}/client/key.pem");
        assert_eq!(lab.outside(&format!("{ping} {ca} {own} {https}"))?, "200");
        for without in [
            format!("{ping} {ca} {https}"),
            format!("{ping} http://192.0.2.1:2376/_ping"),
        ] {
            assert_ne!(lab.try_outside(&without)?.stdout, "200", "{without}");
        }
        lab.stop_netd()?;
        lab.start_netd()
    })
}

#[test]
fn the_api_is_not_served_on_tcp_to_everyone_unless_that_is_asked_for_by_name() -> Result<()> {
    let mut lab = Lab::bare()?;
    let refused = lab.try_host("netd -H tcp://127.0.0.1:2375")?.failure(1)?;
    assert!(refused.contains("--tlsverify"), "{refused}");
    lab.start_netd_with(
        "-H unix:///run/rnet/rnet.sock -H tcp://127.0.0.1:2375 --unsafe-plain-tcp",
    )?;
    assert_eq!(lab.host("curl -s http://127.0.0.1:2375/_ping")?, "OK");
    assert!(
        lab.log()
            .contains("everyone who reaches tcp://127.0.0.1:2375")
    );
    Ok(())
}

#[test]
fn members_of_the_group_rnet_may_use_the_socket() -> Result<()> {
    let mut lab = Lab::bare()?;
    let rights = "stat -c '%U:%g %a' /run/rnet/rnet.sock";
    lab.start_netd()?;
    assert_eq!(lab.host(rights)?, "root:0 660");
    lab.stop_netd()?;
    lab.host("echo rnet:x:4242: >>/etc/group")?;
    lab.start_netd()?;
    assert_eq!(lab.host(rights)?, "root:4242 660");
    let ask = "setpriv --reuid 4243 --clear-groups --regid";
    let version = lab.host(&format!("{ask} 4242 rnet version"))?;
    ensure!(version.contains("ApiVersion"), "{version}");
    lab.try_host(&format!("{ask} 4243 rnet version"))?
        .failure(1)
        .context("others may not")
        .map(drop)
}
