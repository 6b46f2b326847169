//! What a resolv.conf says.

use std::fmt;
use std::net::IpAddr;

/// One `nameserver` line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nameserver {
    /// Its address.
    pub address: IpAddr,
    /// The link that a link-local address is on, as a name or an index.
    pub scope: Option<String>,
}

impl fmt::Display for Nameserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        self.scope
            .iter()
            .try_for_each(|scope| write!(f, "%{scope}"))
    }
}

/// The settings of a resolv.conf, as resolv.conf(5) has them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResolvConf {
    /// The servers, the preferred first; a resolver uses the first three.
    pub nameservers: Vec<Nameserver>,
    /// The domains that short names are tried in.
    pub search: Vec<String>,
    /// The options, such as `ndots:2`.
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads the text of a resolv.conf; a line that says nothing readable is passed over, as resolvers do.
    ///
    /// Of several `search` and `domain` lines the last counts, `options` add up. A `.` among the search domains is
    /// no domain.
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.nameservers.extend(words.next().and_then(nameserver)),
                Some("search") => conf.search = domains(words),
                Some("domain") => conf.search = domains(words.take(1)),
                Some("options") => conf.options.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        conf
    }
}

fn nameserver(word: &str) -> Option<Nameserver> {
    let (address, scope) = match word.split_once('%') {
        Some((address, scope)) => (address, Some(scope.to_owned())),
        None => (word, None),
    };
    Some(Nameserver {
        address: address.parse().ok()?,
        scope,
    })
}

fn domains<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    words
        .filter(|word| *word != ".")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_search_counts_and_options_add_up_and_the_unreadable_is_passed_over() {
        let conf = ResolvConf::parse(
            "# a comment\n; another\ndomain old.example\nnameserver 10.0.0.1 # trailing\n\
             nameserver nowhere\nnameserver\nnameserver fe80::1%eth0\nnameserver\t2001:db8::1\n\
             search a.example b.example .\noptions edns0\noptions ndots:2 trust-ad\nsortlist 10.0.0.0\n",
        );
        let servers: Vec<_> = conf.nameservers.iter().map(Nameserver::to_string).collect();
        assert_eq!(servers, ["10.0.0.1", "fe80::1%eth0", "2001:db8::1"]);
        assert_eq!(conf.search, ["a.example", "b.example"]);
        assert_eq!(conf.options, ["edns0", "ndots:2", "trust-ad"]);
        assert_eq!(ResolvConf::parse("search a\ndomain b c\n").search, ["b"]);
        assert_eq!(ResolvConf::parse(""), ResolvConf::default());
    }
}
