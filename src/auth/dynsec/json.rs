//! Reading JSON as mosquitto reads it: keys in any case, values of a wrong type as if absent unless somebody cares.

use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The value of a key, whatever its case.
pub(super) fn get<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    object
        .get(key)
        .or_else(|| object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value))
}

/// A text; `None` where there is none.
pub(super) fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    get(object, key).and_then(Value::as_str)
}

/// A whole number; fractions are cut off.
pub(super) fn number(object: &Object, key: &str) -> Option<i64> {
    let value = get(object, key)?;
    value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
}

/// A switch.
pub(super) fn flag(object: &Object, key: &str) -> Option<bool> {
    get(object, key).and_then(Value::as_bool)
}

/// The objects of a list; anything else in it is passed over.
pub(super) fn objects<'a>(object: &'a Object, key: &str) -> impl Iterator<Item = &'a Object> + use<'a> {
    let list = get(object, key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object)
}

/// Text as MQTT allows it: no control characters and no characters that mean nothing.
pub(super) fn is_valid_text(text: &str) -> bool {
    !text.chars().any(|character| {
        let code = character as u32;
        character.is_control() || code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
    })
}
