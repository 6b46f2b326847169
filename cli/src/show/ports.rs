//! Ports of containers as `ps` shows them: `0.0.0.0:8080-8081->80-81/tcp, [::]:53->53/udp, 90/tcp`.

use std::fmt;
use std::net::IpAddr;

use bollard::models::PortSummary;
use serde::Deserialize;

/// A port of a container in a list, with the clients it is for.
#[derive(Deserialize)]
pub(crate) struct Port {
    #[serde(flatten)]
    port: PortSummary,
    /// None listed stands for everyone.
    #[serde(rename = "From", default)]
    from: Vec<String>,
}

/// Neighbouring ports that are published side by side.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    private: u16,
    protocol: String,
    ip: Option<IpAddr>,
    public: Option<u16>,
    from: Vec<String>,
    /// The run's last port is so many after its first.
    more: u16,
}

impl Run {
    /// Whether `next` goes on where this run ends.
    fn goes_on_with(&self, next: &Self) -> bool {
        let after = self.more + 1;
        (&self.protocol, self.ip, &self.from) == (&next.protocol, next.ip, &next.from)
            && next.private == self.private + after
            && next.public == self.public.map(|port| port + after)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |first: u16| match self.more {
            0 => first.to_string(),
            more => format!("{first}-{}", first + more),
        };
        match (self.ip, self.public) {
            (Some(IpAddr::V6(ip)), Some(port)) => write!(f, "[{ip}]:{}->", range(port))?,
            (Some(ip), Some(port)) => write!(f, "{ip}:{}->", range(port))?,
            (None, Some(port)) => write!(f, "{}->", range(port))?,
            (_, None) => {}
        }
        write!(f, "{}/{}", range(self.private), self.protocol)?;
        match self.from.as_slice() {
            [] => Ok(()),
            from => write!(f, " (from {})", from.join(" ")),
        }
    }
}

/// All `ports` of a container on one line.
pub(crate) fn line(ports: &[Port]) -> String {
    let mut single: Vec<_> = ports
        .iter()
        .map(|Port { port, from }| Run {
            private: port.private_port,
            protocol: port
                .typ
                .map_or_else(|| "tcp".into(), |protocol| protocol.to_string()),
            ip: port.ip.as_deref().and_then(|ip| ip.parse().ok()),
            public: port.public_port,
            from: from.clone(),
            more: 0,
        })
        .collect();
    single.sort();
    let mut runs: Vec<Run> = Vec::new();
    for port in single {
        match runs.iter_mut().find(|run| run.goes_on_with(&port)) {
            Some(run) => run.more += 1,
            None => runs.push(port),
        }
    }
    runs.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use bollard::models::PortSummaryTypeEnum as Protocol;

    use super::*;

    fn port(ip: &str, public: u16, private_port: u16, typ: Protocol) -> Port {
        let ip = (!ip.is_empty()).then(|| ip.to_owned());
        let public_port = (public > 0).then_some(public);
        let port = PortSummary {
            ip,
            private_port,
            public_port,
            typ: Some(typ),
        };
        Port {
            port,
            from: Vec::new(),
        }
    }

    #[test]
    fn both_families_are_shown() {
        let ports = [
            port("::", 8080, 80, Protocol::TCP),
            port("0.0.0.0", 8080, 80, Protocol::TCP),
        ];
        assert_eq!(line(&ports), "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
    }

    #[test]
    fn neighbours_are_drawn_together() {
        let ports =
            [8002, 8000, 8001].map(|public| port("0.0.0.0", public, public - 7920, Protocol::TCP));
        assert_eq!(line(&ports), "0.0.0.0:8000-8002->80-82/tcp");
        let gap = [
            port("127.0.0.1", 5000, 50, Protocol::UDP),
            port("127.0.0.1", 5002, 51, Protocol::UDP),
        ];
        assert_eq!(line(&gap), "127.0.0.1:5000->50/udp, 127.0.0.1:5002->51/udp");
    }

    #[test]
    fn the_clients_that_ports_are_for_are_told() {
        let for_some = |public, private| Port {
            from: vec!["10.0.0.0/8".into(), "192.0.2.7/32".into()],
            ..port("0.0.0.0", public, private, Protocol::TCP)
        };
        let open = port("0.0.0.0", 8082, 82, Protocol::TCP);
        assert_eq!(
            line(&[for_some(8080, 80), for_some(8081, 81), open]),
            "0.0.0.0:8080-8081->80-81/tcp (from 10.0.0.0/8 192.0.2.7/32), 0.0.0.0:8082->82/tcp"
        );
    }

    #[test]
    fn an_exposed_port_stands_alone() {
        assert_eq!(line(&[port("", 0, 80, Protocol::TCP)]), "80/tcp");
        assert_eq!(line(&[]), "");
    }
}
