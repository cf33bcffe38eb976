//! JSON in which no name occurs twice: of two values one would be shown and the other would count.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{PolicyError, Result, refuse, shown};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(super) fn parse(text: &str) -> Result<Self> {
        // serde_json goes no deeper than 128 levels.
        serde_json::from_str(text)
            .map_err(|error| PolicyError(format!("the policy is not valid JSON: {error}")))
    }

    pub(super) fn object(self, what: &str) -> Result<Vec<(String, Json)>> {
        match self {
            Self::Object(members) => Ok(members),
            _ => refuse(format!("{what} must be an object")),
        }
    }

    pub(super) fn text(self, what: &str) -> Result<String> {
        match self {
            Self::Text(text) => Ok(text),
            _ => refuse(format!("{what} must be a string")),
        }
    }

    /// The strings of a string or a list of strings. In conditions numbers and booleans count as strings.
    pub(super) fn texts(self, what: &str, scalars: bool) -> Result<Vec<String>> {
        let one = |value| match value {
            Self::Text(text) => Ok(text),
            Self::Number(text) if scalars => Ok(text),
            Self::Bool(value) if scalars => Ok(value.to_string()),
            _ => refuse(format!("{what} must be a string or a list of strings")),
        };
        match self {
            Self::List(values) if values.is_empty() => refuse(format!("{what} must not be empty")),
            Self::List(values) => values.into_iter().map(one).collect(),
            value => Ok(vec![one(value)?]),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> std::result::Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, value: bool) -> std::result::Result<Json, E> {
                Ok(Json::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> std::result::Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> std::result::Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> std::result::Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Json, E> {
                Ok(Json::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> std::result::Result<Json, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = from.next_element()? {
                    values.push(value);
                }
                Ok(Json::List(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> std::result::Result<Json, A::Error> {
                let mut members: Vec<(String, Json)> = Vec::new();
                let mut names = std::collections::HashSet::new();
                while let Some((name, value)) = from.next_entry::<String, Json>()? {
                    if !names.insert(name.clone()) {
                        return Err(de::Error::custom(format!("{} occurs twice", shown(&name))));
                    }
                    members.push((name, value));
                }
                Ok(Json::Object(members))
            }
        }
        from.deserialize_any(Reader)
    }
}
