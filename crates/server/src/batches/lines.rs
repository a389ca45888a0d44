//! Lines of a batch's input: cut from the bytes as they come, and read.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A line of an input that is not empty, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlacedLine {
    /// Counted from 1, with empty lines.
    pub(super) number: u64,
    /// Of its first byte.
    pub(super) offset: u64,
    /// Behind its last byte and what ends it.
    pub(super) end: u64,
    pub(super) text: Bytes,
}

/// Why there is no next line.
#[derive(Debug)]
pub(super) enum Unread<E> {
    /// A line, by its number, has more bytes than it may.
    TooLong(u64),
    /// The bytes do not come.
    Source(E),
}

/// The lines of bytes that come in pieces. Only one line is in memory.
pub(super) struct Lines<S> {
    source: S,
    buffer: BytesMut,
    /// Bytes of the buffer in which there is no end of a line.
    seen: usize,
    offset: u64,
    number: u64,
    longest: u64,
    ended: bool,
}

impl<S, E> Lines<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    pub(super) fn new(source: S, longest: u64) -> Self {
        let buffer = BytesMut::new();
        Self { source, buffer, seen: 0, offset: 0, number: 0, longest, ended: false }
    }

    /// The next line that is not empty.
    pub(super) async fn next(&mut self) -> Result<Option<PlacedLine>, Unread<E>> {
        loop {
            let end = self.buffer[self.seen..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line = self.cut(self.seen + end + 1);
                if let Some(line) = line {
                    return self.checked(line).map(Some);
                }
                continue;
            }
            self.seen = self.buffer.len();
            if self.seen as u64 > self.longest {
                return Err(Unread::TooLong(self.number + 1));
            }
            if self.ended {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                let Some(line) = self.cut(self.buffer.len()) else { return Ok(None) };
                return self.checked(line).map(Some);
            }
            match self.source.next().await {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                Some(Err(error)) => return Err(Unread::Source(error)),
                None => self.ended = true,
            }
        }
    }

    /// Takes so many bytes off; nothing when they are only space.
    fn cut(&mut self, length: usize) -> Option<PlacedLine> {
        let text = self.buffer.split_to(length).freeze();
        let offset = self.offset;
        self.offset += length as u64;
        self.number += 1;
        self.seen = 0;
        let (number, end) = (self.number, self.offset);
        (!is_empty(&text)).then_some(PlacedLine { number, offset, end, text })
    }

    fn checked(&self, line: PlacedLine) -> Result<PlacedLine, Unread<E>> {
        if line.text.len() as u64 > self.longest {
            return Err(Unread::TooLong(line.number));
        }
        Ok(line)
    }
}

fn is_empty(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

/// The lines of a chunk that are not empty.
pub(super) fn of_chunk(chunk: &Bytes) -> impl Iterator<Item = Bytes> {
    let lines = chunk.split(|byte| *byte == b'\n').filter(|line| !is_empty(line));
    lines.map(|line| chunk.slice_ref(line))
}

/// A line as it is written.
#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) custom_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) method: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) url: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) body: Option<&'a RawValue>,
}

impl<'a> Line<'a> {
    /// # Errors
    /// When it is no JSON object.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }
}

/// The text that a value is, if it is one.
pub(super) fn text(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    async fn lines(text: &[u8], piece: usize, longest: u64) -> (Vec<PlacedLine>, Option<u64>) {
        let pieces = text.chunks(piece).map(|piece| Ok::<_, ()>(Bytes::copy_from_slice(piece)));
        let pieces = pieces.collect::<Vec<_>>();
        let mut lines = Lines::new(stream::iter(pieces), longest);
        let mut all = Vec::new();
        loop {
            match lines.next().await {
                Ok(Some(line)) => all.push(line),
                Ok(None) => return (all, None),
                Err(Unread::TooLong(number)) => return (all, Some(number)),
                Err(Unread::Source(())) => unreachable!("the bytes come"),
            }
        }
    }

    #[tokio::test]
    async fn lines_are_the_same_however_their_bytes_come() {
        let text = b"\n{\"a\": 1}\r\n  \n\n{}\nlast";
        let (whole, _) = lines(text, 1000, 100).await;
        let placed = whole.iter().map(|line| (line.number, &text[line.offset as usize..][..4]));
        assert_eq!(placed.collect::<Vec<_>>(), [(2, &b"{\"a\""[..]), (5, b"{}\nl"), (6, b"last")]);
        for piece in 1..text.len() {
            assert_eq!(lines(text, piece, 100).await.0, whole, "{piece}");
        }
        // What a chunk holds is what its lines were.
        let (first, last) = (whole.first().unwrap(), whole.last().unwrap());
        let chunk = Bytes::copy_from_slice(&text[first.offset as usize..last.end as usize]);
        let again = of_chunk(&chunk).map(|line| line.trim_ascii().to_vec()).collect::<Vec<_>>();
        let read = whole.iter().map(|line| line.text.trim_ascii().to_vec()).collect::<Vec<_>>();
        assert_eq!(again, read);
    }

    #[tokio::test]
    async fn a_line_that_never_ends_is_given_up_where_it_is_too_long() {
        let mut text = b"short\n".to_vec();
        text.extend(vec![b'x'; 1000]);
        for piece in [7, 100, 2000] {
            let (read, too_long) = lines(&text, piece, 100).await;
            assert_eq!((read.len(), too_long), (1, Some(2)), "{piece}");
        }
        text.push(b'\n');
        assert_eq!(lines(&text, 2000, 100).await.1, Some(2));
        assert_eq!(lines(b"", 1, 100).await.0, []);
    }
}
