//! What a resolv.conf says, in the parts that other conventions have a place for (resolv.conf(5)).

/// The settings of a resolv.conf.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ResolvConf {
    pub(crate) nameservers: Vec<String>,
    pub(crate) search: Vec<String>,
    pub(crate) options: Vec<String>,
}

impl ResolvConf {
    pub(crate) fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let list = match words.next() {
                Some("nameserver") => &mut conf.nameservers,
                Some("search") => &mut conf.search,
                Some("options") => &mut conf.options,
                _ => continue,
            };
            list.extend(words.map(str::to_owned));
        }
        conf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_comments_are_not() {
        let conf = ResolvConf::parse(
            "# nameserver 9.9.9.9\nnameserver 127.0.0.11\nsearch a b\noptions ndots:0\n",
        );
        assert_eq!(conf.nameservers, ["127.0.0.11"]);
        assert_eq!(conf.search, ["a", "b"]);
        assert_eq!(conf.options, ["ndots:0"]);
    }
}
