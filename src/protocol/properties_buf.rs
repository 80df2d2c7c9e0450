//! Properties in the making, for a packet to be sent.

use super::{Properties, Property};

/// Properties that are being put together. What is pushed must be allowed where it goes; nothing checks it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertiesBuf(Vec<u8>);

impl PropertiesBuf {
    /// None yet; allocates nothing.
    pub const fn new() -> Self {
        PropertiesBuf(Vec::new())
    }

    /// Appends a property. Strings and Binary Data hold at most 65,535 bytes; numbers must be in their range.
    pub fn push(&mut self, property: Property<'_>) {
        property.encode(&mut self.0);
    }

    /// Appends all properties of a packet.
    pub fn extend(&mut self, properties: Properties<'_>) {
        self.0.extend_from_slice(properties.raw());
    }

    /// What was pushed.
    #[inline]
    pub fn as_properties(&self) -> Properties<'_> {
        Properties::from_raw(&self.0)
    }

    /// Empties it; keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether nothing was pushed.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Properties<'_>> for PropertiesBuf {
    fn from(properties: Properties<'_>) -> Self {
        PropertiesBuf(properties.raw().to_vec())
    }
}

impl<'a> FromIterator<Property<'a>> for PropertiesBuf {
    fn from_iter<I: IntoIterator<Item = Property<'a>>>(properties: I) -> Self {
        let mut buf = PropertiesBuf::new();
        properties.into_iter().for_each(|property| buf.push(property));
        buf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_stands_there() {
        let mut buf = PropertiesBuf::new();
        assert!(buf.is_empty() && buf.as_properties().is_empty());
        buf.push(Property::ServerKeepAlive(10));
        buf.push(Property::ReasonString("ä"));
        assert_eq!(buf.as_properties().raw(), [0x13, 0, 10, 0x1F, 0, 2, 0xC3, 0xA4]);
        let copy = PropertiesBuf::from(buf.as_properties());
        assert_eq!(copy, buf);
        buf.extend(copy.as_properties());
        assert_eq!(buf.as_properties().iter().count(), 4);
        buf.clear();
        assert!(buf.is_empty());
    }
}
