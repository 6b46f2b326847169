//! The JSON schema of what is read: a type is let read itself, and what it asks for is noted.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, json};

/// How many objects deep a schema goes.
const DEPTH: usize = 8;

/// The schema of the documents that `T` is read from. Where a type does not say what it expects, anything will do.
pub(super) fn schema<T: DeserializeOwned>() -> Value {
    let broken = Broken::default();
    loop {
        let (mut found, known) = (json!({}), broken.borrow().len());
        let read = T::deserialize(Tracer {
            found: &mut found,
            broken: &broken,
            depth: 0,
        });
        // a member that takes nothing we can make up is left out the next time
        if read.is_ok() || broken.borrow().len() == known {
            return found;
        }
    }
}

/// Members that cannot be made up, by the names of their structs and their own, and what is known of them.
type Broken = RefCell<BTreeMap<(&'static str, &'static str), Value>>;

/// Notes what a type asks for, and gives it something of the kind.
struct Tracer<'a> {
    found: &'a mut Value,
    broken: &'a Broken,
    depth: usize,
}

impl<'a> Tracer<'a> {
    fn within<'b>(&'b self, found: &'b mut Value) -> Tracer<'b> {
        Tracer {
            found,
            broken: self.broken,
            depth: self.depth + 1,
        }
    }
}

macro_rules! simple {
    ($($ask:ident $kind:literal $give:ident $value:expr;)*) => {
        $(
            fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                *self.found = json!({ "type": $kind });
                visitor.$give($value)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    simple! {
        deserialize_bool "boolean" visit_bool false;
        deserialize_i8 "integer" visit_i8 0;
        deserialize_i16 "integer" visit_i16 0;
        deserialize_i32 "integer" visit_i32 0;
        deserialize_i64 "integer" visit_i64 0;
        deserialize_u8 "integer" visit_u8 0;
        deserialize_u16 "integer" visit_u16 0;
        deserialize_u32 "integer" visit_u32 0;
        deserialize_u64 "integer" visit_u64 0;
        deserialize_f32 "number" visit_f32 0.0;
        deserialize_f64 "number" visit_f64 0.0;
        deserialize_str "string" visit_str "";
        deserialize_string "string" visit_str "";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut items = json!({});
        let read = visitor.visit_seq(One(Some(self.within(&mut items))));
        *self.found = json!({ "type": "array", "items": items });
        read
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut values = json!({});
        let read = visitor.visit_map(One(Some(self.within(&mut values))));
        *self.found = json!({ "type": "object", "additionalProperties": values });
        read
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut properties = Map::new();
        let read = visitor.visit_map(Members {
            name,
            fields: if self.depth < DEPTH { fields } else { &[] },
            properties: &mut properties,
            of: &self,
        });
        *self.found = json!({ "type": "object", "properties": properties });
        read
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.found = json!({ "type": "string", "enum": variants });
        let first: StrDeserializer<'_, Error> = variants
            .first()
            .copied()
            .unwrap_or_default()
            .into_deserializer();
        visitor.visit_enum(first)
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// A list of one, or a map of one entry.
struct One<'a>(Option<Tracer<'a>>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.0.take().map(|one| seed.deserialize(one)).transpose()
    }
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let left = self.0.is_some();
        left.then(|| seed.deserialize("".into_deserializer()))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let one = self.0.take();
        seed.deserialize(one.ok_or_else(|| serde::de::Error::custom("one entry was told of"))?)
    }
}

/// The members of a struct, one after the other.
struct Members<'a> {
    name: &'static str,
    fields: &'static [&'static str],
    properties: &'a mut Map<String, Value>,
    of: &'a Tracer<'a>,
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        while let [field, rest @ ..] = self.fields {
            let Some(known) = self.of.broken.borrow().get(&(self.name, field)).cloned() else {
                return seed.deserialize((*field).into_deserializer()).map(Some);
            };
            self.properties.insert((*field).to_owned(), known);
            self.fields = rest;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let [field, rest @ ..] = self.fields else {
            return Err(serde::de::Error::custom("a member was told of"));
        };
        self.fields = rest;
        let mut found = json!({});
        let read = seed.deserialize(self.of.within(&mut found));
        if read.is_err() {
            let member = (self.name, *field);
            self.of.broken.borrow_mut().insert(member, found.clone());
        }
        self.properties.insert((*field).to_owned(), found);
        read
    }
}

#[cfg(test)]
mod tests {
    use bollard_stubs::models::{ContainerCreateBody, ExecConfig};

    use super::*;

    #[test]
    fn a_type_tells_its_members_and_what_they_are() {
        let exec = schema::<ExecConfig>();
        let members = &exec["properties"];
        assert_eq!(members["Tty"], json!({ "type": "boolean" }));
        let words = json!({ "type": "array", "items": { "type": "string" } });
        assert_eq!(members["Cmd"], words);
    }

    #[test]
    fn members_within_members_are_told() {
        let create = schema::<ContainerCreateBody>();
        let host = &create["properties"]["HostConfig"]["properties"];
        assert_eq!(host["Memory"], json!({ "type": "integer" }), "{create}");
        let binding = &host["PortBindings"]["additionalProperties"]["items"]["properties"];
        assert_eq!(binding["HostPort"], json!({ "type": "string" }), "{host}");
        let networks = &create["properties"]["NetworkingConfig"]["properties"]["EndpointsConfig"];
        assert!(networks["additionalProperties"]["properties"]["Aliases"].is_object());
        assert!(host["RestartPolicy"]["properties"]["Name"]["enum"].is_array());
    }
}
