//! A value that is kept as text, because it is large and seldom looked at.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value of many fields, of which most are empty: it is kept as JSON, and unpacked when it is first looked at.
///
/// **Contract:** a copy shares the text, and is packed again: whoever looks at what many others hold looks at a copy.
#[derive(Debug)]
pub struct Packed<T> {
    text: Arc<[u8]>,
    unpacked: OnceLock<Box<T>>,
}

impl<T: DeserializeOwned> Packed<T> {
    /// The value itself, to be changed and packed again.
    pub fn unpack(&self) -> T {
        serde_json::from_slice(&self.text).expect("this text was written for a value of this kind")
    }
}

impl<T: Serialize> From<T> for Packed<T> {
    fn from(value: T) -> Self {
        let text = serde_json::to_vec(&value).expect("records have text keys and no failing parts");
        Self {
            text: text.into(),
            unpacked: OnceLock::new(),
        }
    }
}

impl<T: DeserializeOwned> Deref for Packed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.unpacked.get_or_init(|| Box::new(self.unpack()))
    }
}

impl<T> Clone for Packed<T> {
    fn clone(&self) -> Self {
        Self {
            text: Arc::clone(&self.text),
            unpacked: OnceLock::new(),
        }
    }
}

impl<T: Serialize + DeserializeOwned> Serialize for Packed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.unpack().serialize(serializer)
    }
}

impl<'a, T: Serialize + Deserialize<'a>> Deserialize<'a> for Packed<T> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_out_as_it_went_in_and_a_copy_is_packed_again() {
        let packed = Packed::from(vec![Some(1), None]);
        assert_eq!(*packed, [Some(1), None]);
        assert!(packed.unpacked.get().is_some());
        let copy = packed.clone();
        assert!(copy.unpacked.get().is_none());
        assert_eq!(copy.unpack(), [Some(1), None]);
    }

    #[test]
    fn a_record_looks_as_if_nothing_were_packed() {
        let text = "[1,null]";
        let packed: Packed<Vec<Option<u8>>> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&packed).unwrap(), text);
    }
}
