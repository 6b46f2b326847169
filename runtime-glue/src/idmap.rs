//! Which users and groups of the host those of a user namespace are (user_namespaces(7)).

use serde::{Deserialize, Serialize};

/// A range of numbers inside, and the one outside that it stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdMap {
    /// The first number inside.
    #[serde(rename = "containerID")]
    pub inside: u32,
    /// The first number outside.
    #[serde(rename = "hostID")]
    pub outside: u32,
    /// How many there are.
    #[serde(rename = "size")]
    pub count: u32,
}

/// The ranges of users and those of groups.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdMaps {
    /// Those of users.
    pub users: Vec<IdMap>,
    /// Those of groups.
    pub groups: Vec<IdMap>,
}

impl IdMaps {
    /// What stands outside for a user and a group; none where nothing does.
    pub fn outside(&self, user: u32, group: u32) -> (Option<u32>, Option<u32>) {
        (outside(&self.users, user), outside(&self.groups, group))
    }
}

/// The text that the kernel takes for some ranges.
pub(crate) fn text(ranges: &[IdMap]) -> String {
    let line = |it: &IdMap| format!("{} {} {}\n", it.inside, it.outside, it.count);
    ranges.iter().map(line).collect()
}

fn outside(ranges: &[IdMap], id: u32) -> Option<u32> {
    let of = |it: &IdMap| {
        let past = id.checked_sub(it.inside).filter(|past| *past < it.count)?;
        it.outside.checked_add(past)
    };
    ranges.iter().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_for_the_one_as_far_into_its_range() {
        let map = |inside, outside, count| IdMap {
            inside,
            outside,
            count,
        };
        let maps = IdMaps {
            users: vec![map(0, 1000, 1), map(1, 100_000, 10)],
            groups: vec![map(0, 2000, 5)],
        };
        assert_eq!(maps.outside(0, 4), (Some(1000), Some(2004)));
        assert_eq!(maps.outside(10, 5), (Some(100_009), None));
        assert_eq!(text(&maps.users), "0 1000 1\n1 100000 10\n");
    }
}
