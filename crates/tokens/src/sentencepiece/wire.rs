//! The protobuf wire format, as far as a sentencepiece model needs it: a walk over the fields of one message.
//!
//! Nothing is copied and nothing is allocated. Groups (deprecated since 2008, in no known model) are an error.

use crate::TokensError;

/// The payload of one field, by wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Payload<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1; no field that is read here has it.
    Fixed64,
    /// Wire type 2: bytes, string or message.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field<'a> {
    /// The field number, never 0.
    pub number: u32,
    /// What it holds.
    pub payload: Payload<'a>,
}

/// Iterates over the fields of one message; after an error it ends.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Fields<'a> {
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message, length: message.len() }
    }

    fn fail(&mut self, reason: &'static str) -> TokensError {
        let at = self.length - self.rest.len();
        self.rest = &[];
        TokensError::Protobuf { at, reason }
    }

    fn varint(&mut self) -> Result<u64, TokensError> {
        let mut value = 0u64;
        for (index, &byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(self.fail("a varint does not end"))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], TokensError> {
        let Some((head, tail)) = self.rest.split_at_checked(count) else {
            return Err(self.fail("a field is longer than its message"));
        };
        self.rest = tail;
        Ok(head)
    }

    fn field(&mut self) -> Result<Field<'a>, TokensError> {
        let tag = self.varint()?;
        let Ok(number) = u32::try_from(tag >> 3) else {
            return Err(self.fail("a field number is out of range"));
        };
        if number == 0 {
            return Err(self.fail("field number 0 is not allowed"));
        }
        let payload = match tag & 7 {
            0 => Payload::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Payload::Fixed64
            }
            2 => {
                let Ok(count) = usize::try_from(self.varint()?) else {
                    return Err(self.fail("a length is out of range"));
                };
                Payload::Bytes(self.take(count)?)
            }
            5 => {
                let bytes = self.take(4)?;
                Payload::Fixed32(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            }
            _ => return Err(self.fail("a wire type is not known")),
        };
        Ok(Field { number, payload })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, TokensError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.field())
    }
}
