//! XML answers of the AWS query protocol.
//!
//! # Format
//! Members are elements, items of a list are `<member>`s, entries of a map are `<entry>`s with a `<key>` and a
//! `<value>`; times are ISO 8601. Around an answer's members stand `<{Operation}Response>` and, where there are any,
//! `<{Operation}Result>`.

use headwater_types::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use serde::ser::{self, Serialize};

use crate::cbor::TIME;
use crate::date::rfc3339;

/// Envelope of the members of an answer.
#[derive(Debug, Clone, Copy)]
pub struct XmlAnswer<'a> {
    /// The name of the operation.
    pub operation: &'a str,
    /// The namespace of the service; empty for none.
    pub namespace: &'a str,
    /// As in the header.
    pub request_id: &'a str,
}

/// A whole answer. `members` are what [`Codec::Query`](crate::Codec::Query) encoded; none where the operation answers
/// nothing.
pub fn xml_answer(answer: &XmlAnswer<'_>, members: &[u8]) -> Vec<u8> {
    let mut xml = Xml::new();
    let (response, result) = (format!("{}Response", answer.operation), format!("{}Result", answer.operation));
    xml.open_with(&response, answer.namespace);
    if !members.is_empty() {
        xml.open(&result);
        xml.0.get_mut().extend_from_slice(members);
        xml.close(&result);
    }
    xml.open("ResponseMetadata");
    xml.element("RequestId", answer.request_id);
    xml.close("ResponseMetadata");
    xml.close(&response);
    xml.0.into_inner()
}

/// An error. `is_sender` tells whether the client made it.
pub fn xml_error(namespace: &str, request_id: &str, is_sender: bool, code: &str, message: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.open_with("ErrorResponse", namespace);
    xml.open("Error");
    xml.element("Type", if is_sender { "Sender" } else { "Receiver" });
    xml.element("Code", code);
    xml.element("Message", message);
    xml.close("Error");
    xml.element("RequestId", request_id);
    xml.close("ErrorResponse");
    xml.0.into_inner()
}

/// An error of EC2, whose form is its own.
pub fn ec2_error(request_id: &str, code: &str, message: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.open("Response");
    xml.open("Errors");
    xml.open("Error");
    xml.element("Code", code);
    xml.element("Message", message);
    xml.close("Error");
    xml.close("Errors");
    xml.element("RequestID", request_id);
    xml.close("Response");
    xml.0.into_inner()
}

/// An error of S3.
pub fn s3_error(request_id: &str, code: &str, message: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.open("Error");
    xml.element("Code", code);
    xml.element("Message", message);
    xml.element("RequestId", request_id);
    xml.close("Error");
    xml.0.into_inner()
}

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let mut xml = Xml(Writer::new(std::mem::take(out)));
    value.serialize(Element { xml: &mut xml, in_time: false }).expect("AWS shapes have text keys");
    *out = xml.0.into_inner();
}

struct Xml(Writer<Vec<u8>>);

impl Xml {
    fn new() -> Self {
        Self(Writer::new(Vec::with_capacity(512)))
    }

    fn write(&mut self, event: Event<'_>) {
        // Writing to a Vec cannot fail.
        let _ = self.0.write_event(event);
    }

    fn open(&mut self, name: &str) {
        self.write(Event::Start(BytesStart::new(name)));
    }

    fn open_with(&mut self, name: &str, namespace: &str) {
        let mut start = BytesStart::new(name);
        if !namespace.is_empty() {
            start.push_attribute(("xmlns", namespace));
        }
        self.write(Event::Start(start));
    }

    fn close(&mut self, name: &str) {
        self.write(Event::End(BytesEnd::new(name)));
    }

    fn text(&mut self, text: &str) {
        // What XML cannot hold at all, escaped or not, is not repeated.
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
        if text.chars().all(allowed) {
            return self.write(Event::Text(BytesText::new(text)));
        }
        let shown: String = text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect();
        self.write(Event::Text(BytesText::new(&shown)));
    }

    fn element(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }
}

/// Error for what no AWS shape contains.
#[derive(Debug)]
struct Unencodable(String);

impl std::fmt::Display for Unencodable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unencodable {}

impl ser::Error for Unencodable {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

type Done = Result<(), Unencodable>;

/// The inside of an element.
struct Element<'x> {
    xml: &'x mut Xml,
    /// True if the next number is the milliseconds of a time.
    in_time: bool,
}

impl Element<'_> {
    fn scalar(self, value: impl std::fmt::Display) -> Done {
        self.xml.text(&value.to_string());
        Ok(())
    }
}

macro_rules! scalars {
    ($($method:ident($type:ty)),* $(,)?) => {
        $(fn $method(self, value: $type) -> Done {
            self.scalar(value)
        })*
    };
}

impl<'x> ser::Serializer for Element<'x> {
    type Ok = ();
    type Error = Unencodable;
    type SerializeSeq = Inside<'x>;
    type SerializeTuple = Inside<'x>;
    type SerializeTupleStruct = ser::Impossible<(), Unencodable>;
    type SerializeTupleVariant = ser::Impossible<(), Unencodable>;
    type SerializeMap = Inside<'x>;
    type SerializeStruct = Inside<'x>;
    type SerializeStructVariant = ser::Impossible<(), Unencodable>;

    fn is_human_readable(&self) -> bool {
        // Times come with their name.
        false
    }

    scalars! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_char(char),
    }

    fn serialize_u64(self, value: u64) -> Done {
        if self.in_time {
            return self.scalar(rfc3339(Timestamp::from_millis(value)));
        }
        self.scalar(value)
    }

    fn serialize_f32(self, value: f32) -> Done {
        self.serialize_f64(value.into())
    }

    // `24.0`, as AWS writes it.
    fn serialize_f64(self, value: f64) -> Done {
        self.xml.text(&format!("{value:?}"));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Done {
        self.xml.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Done {
        self.xml.text(&base64_simd::STANDARD.encode_to_string(value));
        Ok(())
    }

    fn serialize_none(self) -> Done {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Done {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Done {
        value.serialize(Element { in_time: name == TIME, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        Inside { xml: self.xml, key: String::new() }.child(variant, value)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Inside<'x>, Unencodable> {
        Ok(Inside { xml: self.xml, key: String::new() })
    }

    fn serialize_tuple(self, _len: usize) -> Result<Inside<'x>, Unencodable> {
        self.serialize_seq(None)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Inside<'x>, Unencodable> {
        self.serialize_seq(None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'x>, Unencodable> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unencodable> {
        Err(Unencodable(name.to_owned()))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unencodable> {
        Err(Unencodable(name.to_owned()))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unencodable> {
        Err(Unencodable(name.to_owned()))
    }
}

/// Elements that follow each other.
struct Inside<'x> {
    xml: &'x mut Xml,
    /// Of the map's entry that is being written.
    key: String,
}

impl Inside<'_> {
    fn child<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Done {
        self.xml.open(name);
        value.serialize(Element { xml: self.xml, in_time: false })?;
        self.xml.close(name);
        Ok(())
    }
}

impl ser::SerializeSeq for Inside<'_> {
    type Ok = ();
    type Error = Unencodable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.child("member", value)
    }

    fn end(self) -> Done {
        Ok(())
    }
}

impl ser::SerializeTuple for Inside<'_> {
    type Ok = ();
    type Error = Unencodable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.child("member", value)
    }

    fn end(self) -> Done {
        Ok(())
    }
}

impl ser::SerializeStruct for Inside<'_> {
    type Ok = ();
    type Error = Unencodable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
        self.child(key, value)
    }

    fn end(self) -> Done {
        Ok(())
    }
}

impl ser::SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Unencodable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        // The key as an element of its own, until its value is there.
        let mut text = Xml::new();
        key.serialize(Element { xml: &mut text, in_time: false })?;
        self.key = String::from_utf8(text.0.into_inner()).map_err(ser::Error::custom)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.xml.open("entry");
        self.xml.open("key");
        // Escaped already.
        self.xml.0.get_mut().extend_from_slice(self.key.as_bytes());
        self.xml.close("key");
        self.child("value", value)?;
        self.xml.close("entry");
        Ok(())
    }

    fn end(self) -> Done {
        Ok(())
    }
}
