//! JSON that borrows from the dump and keeps the first of two fields with one name, as `ip -j` prints for tunnels
//! in routes (`"dst"` twice). Knows nothing of links.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value; text that holds an escape is not borrowed and reads as [`Json::Other`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'snap> {
    /// `"eth0"`.
    Text(&'snap str),
    /// `24`.
    Number(u64),
    /// `[…]`.
    List(Vec<Self>),
    /// `{…}`, in order.
    Object(Vec<(&'snap str, Self)>),
    /// `true`, `false`, `null`, a fraction, escaped text.
    Other,
}

impl<'snap> Json<'snap> {
    /// The elements of the list that a dump is; an empty dump is an empty list.
    pub(crate) fn list(text: &'snap str) -> Result<Vec<Self>, serde_json::Error> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        match serde_json::from_str(text)? {
            Self::List(items) => Ok(items),
            other @ (Self::Text(_) | Self::Number(_) | Self::Object(_) | Self::Other) => Ok(vec![other]),
        }
    }

    /// A field, the first of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.fields().iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The fields of an object; of anything else none.
    pub(crate) fn fields(&self) -> &[(&'snap str, Self)] {
        if let Self::Object(fields) = self { fields } else { &[] }
    }

    /// The elements of a list; of anything else none.
    pub(crate) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// A text field.
    pub(crate) fn text(&self, name: &str) -> Option<&'snap str> {
        if let Some(Self::Text(text)) = self.get(name) { Some(text) } else { None }
    }

    /// A number, also one that is printed as text: `32`, `"32"`, `"0x10"`.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Self::Number(number) => Some(*number),
            Self::Text(text) => match text.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok(),
                None => text.parse().ok(),
            },
            Self::List(_) | Self::Object(_) | Self::Other => None,
        }
    }

    /// Whether a list field holds this word: `"flags":["UP"]`.
    pub(crate) fn has_word(&self, name: &str, word: &str) -> bool {
        self.get(name).is_some_and(|list| list.items().contains(&Json::Text(word)))
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(text))
    }
    fn visit_str<E>(self, _: &str) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }
    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }
    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = access.next_entry::<Json<'de>, Json<'de>>()? {
            if let Json::Text(name) = name {
                fields.push((name, value));
            }
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn first_of_two_fields_counts() {
        let list =
            Json::list(r#"[{"dst":"10.33.0.0/16","encap":"ip","id":5,"dst":"10.1.0.3","weight":"0x10"}]"#).unwrap();
        assert_eq!(list[0].text("dst"), Some("10.33.0.0/16"));
        assert_eq!(list[0].number("id"), Some(5));
        assert_eq!(list[0].number("weight"), Some(16));
        assert_eq!(list[0].get("nothing"), None);
    }

    #[test]
    fn odd_input() {
        assert_eq!(Json::list(" \n").unwrap(), []);
        assert!(Json::list("[{").is_err());
        assert!(Json::list(&"[".repeat(100_000)).is_err(), "nesting has an end");
        assert_eq!(Json::list(r#"["a\"b", -1, 1.5, null]"#).unwrap(), vec![Json::Other; 4]);
    }
}
