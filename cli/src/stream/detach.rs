//! The keys that leave a container without ending it: ctrl-p, then ctrl-q.

const CTRL_P: u8 = 0x10;
const CTRL_Q: u8 = 0x11;

/// Watches input for the keys.
#[derive(Default)]
pub(crate) struct DetachKeys {
    /// ctrl-p came last and was held back, as it may be the first of the two.
    held: bool,
}

impl DetachKeys {
    /// Takes some input: what of it is to be passed on, or `None` once the keys were pressed.
    pub(crate) fn filter(&mut self, input: &[u8]) -> Option<Vec<u8>> {
        let mut passed = Vec::with_capacity(input.len() + 1);
        for &key in input {
            match (self.held, key) {
                (true, CTRL_Q) => return None,
                (true, CTRL_P) => passed.push(CTRL_P),
                (false, CTRL_P) => self.held = true,
                (true, _) => {
                    passed.extend([CTRL_P, key]);
                    self.held = false;
                }
                (false, _) => passed.push(key),
            }
        }
        Some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_may_come_apart() {
        let mut keys = DetachKeys::default();
        assert_eq!(
            keys.filter(b"ls\r\x10").as_deref(),
            Some(b"ls\r".as_slice())
        );
        assert_eq!(keys.filter(b"\x11"), None);
    }

    #[test]
    fn other_keys_pass_unchanged_and_in_order() {
        let mut keys = DetachKeys::default();
        assert_eq!(
            keys.filter(b"\x11a\x10").as_deref(),
            Some(b"\x11a".as_slice())
        );
        assert_eq!(keys.filter(b"b").as_deref(), Some(b"\x10b".as_slice()));
        assert_eq!(
            keys.filter(b"\x10\x10").as_deref(),
            Some(b"\x10".as_slice())
        );
        assert_eq!(keys.filter(b"\x11"), None);
    }
}
