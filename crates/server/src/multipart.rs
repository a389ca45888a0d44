//! `multipart/form-data` as it comes (RFC 7578), in little memory whatever comes: a part's bytes are passed on as they arrive.
//!
//! What stands before the first delimiter, the headers of a part and the number of parts are bounded. A part's bytes are not:
//! whoever takes them knows how many are too many.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

/// Bytes of a part's headers, and of what stands before the first part.
const MOST_HEADERS: usize = 16 << 10;

/// Parts of a form.
const MOST_PARTS: usize = 32;

/// Characters of a boundary, as RFC 2046 has it.
const LONGEST_BOUNDARY: usize = 70;

/// Why a form cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError<E> {
    /// It is no form.
    #[error("the body is no multipart form: {0}")]
    Malformed(&'static str),
    /// The body itself does not come.
    #[error("the body does not come")]
    Body(E),
}

/// The boundary that a content-type names.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(rest, "boundary")?;
    let fits = (1..=LONGEST_BOUNDARY).contains(&boundary.len());
    (fits && boundary.bytes().all(|byte| (b' '..=b'~').contains(&byte))).then_some(boundary)
}

/// What a part says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartHead {
    /// The field's name.
    pub(crate) name: String,
    /// Of a file.
    pub(crate) filename: Option<String>,
}

/// A form that is being read.
pub(crate) struct Form<S> {
    body: S,
    buffer: BytesMut,
    /// `\r\n--BOUNDARY`.
    delimiter: Vec<u8>,
    place: Place,
    parts: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first delimiter.
    Before,
    /// In a part.
    Inside,
    /// Behind a delimiter.
    Between,
    /// Behind the last one.
    Ended,
}

impl<S, E> Form<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    pub(crate) fn new(body: S, boundary: &str) -> Self {
        // The first delimiter may stand at the very beginning, where no line has ended.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Self { body, buffer, delimiter, place: Place::Before, parts: 0 }
    }

    /// The next part, once the bytes of the last one were taken or are passed over; `None` at the end.
    pub(crate) async fn part(&mut self) -> Result<Option<PartHead>, FormError<E>> {
        if self.place == Place::Before {
            let mut before = 0;
            while let Some(bytes) = self.until_delimiter().await? {
                before += bytes.len();
                if before > MOST_HEADERS {
                    return Err(FormError::Malformed("no delimiter is where it begins"));
                }
            }
        }
        while self.place == Place::Inside {
            self.bytes().await?;
        }
        if self.place == Place::Ended {
            return Ok(None);
        }
        // `--` ends the form; spaces and a line's end begin a part.
        while self.buffer.len() < 2 {
            self.more().await?;
        }
        if self.buffer.starts_with(b"--") {
            self.place = Place::Ended;
            return Ok(None);
        }
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(FormError::Malformed("it has more than 32 parts"));
        }
        let line = self.line().await?;
        if line.iter().any(|byte| !matches!(byte, b' ' | b'\t')) {
            return Err(FormError::Malformed("a delimiter is followed by something"));
        }
        let head = self.headers().await?;
        self.place = Place::Inside;
        Ok(Some(head))
    }

    async fn headers(&mut self) -> Result<PartHead, FormError<E>> {
        let (mut head, mut named, mut size) = (PartHead::default(), false, 0);
        loop {
            let line = self.line().await?;
            size += line.len();
            if size > MOST_HEADERS {
                return Err(FormError::Malformed("a part has more than 16 KiB of headers"));
            }
            if line.is_empty() {
                break;
            }
            let line = String::from_utf8_lossy(&line);
            let Some((name, value)) = line.split_once(':') else {
                return Err(FormError::Malformed("a part's header has no colon"));
            };
            if name.trim().eq_ignore_ascii_case("content-disposition") {
                let (kind, rest) = value.split_once(';').unwrap_or((value, ""));
                if !kind.trim().eq_ignore_ascii_case("form-data") {
                    return Err(FormError::Malformed("a part is no form-data"));
                }
                if let Some(name) = parameter(rest, "name") {
                    (head.name, named) = (name, true);
                }
                let encoded = parameter(rest, "filename*").and_then(|text| decoded(&text));
                head.filename = encoded.or_else(|| parameter(rest, "filename"));
            }
        }
        if named { Ok(head) } else { Err(FormError::Malformed("a part has no name")) }
    }

    /// The next bytes of this part; `None` at its end.
    pub(crate) async fn bytes(&mut self) -> Result<Option<Bytes>, FormError<E>> {
        if self.place != Place::Inside {
            return Ok(None);
        }
        self.until_delimiter().await
    }

    /// The whole part, which may have so many bytes; `None` when it has more or is no UTF-8.
    pub(crate) async fn text(&mut self, most: usize) -> Result<Option<String>, FormError<E>> {
        let mut text = Vec::new();
        while let Some(bytes) = self.bytes().await? {
            if text.len() + bytes.len() > most {
                return Ok(None);
            }
            text.extend_from_slice(&bytes);
        }
        Ok(String::from_utf8(text).ok())
    }

    /// Takes what stands behind the form's end, so that the connection can go on; not more than so many bytes.
    pub(crate) async fn pass_over(&mut self, most: usize) {
        let mut passed = 0;
        while passed < most
            && let Some(Ok(bytes)) = self.body.next().await
        {
            passed += bytes.len();
        }
    }

    /// Bytes before the next delimiter; `None` when it stands here, and is taken.
    async fn until_delimiter(&mut self) -> Result<Option<Bytes>, FormError<E>> {
        loop {
            match find(&self.buffer, &self.delimiter) {
                Found::Whole(0) => {
                    let _delimiter = self.buffer.split_to(self.delimiter.len());
                    self.place = Place::Between;
                    return Ok(None);
                }
                Found::Whole(place) | Found::Begun(place) | Found::Nowhere(place) if place > 0 => {
                    return Ok(Some(self.buffer.split_to(place).freeze()));
                }
                _ => self.more().await?,
            }
        }
    }

    /// A line without its end.
    async fn line(&mut self) -> Result<Bytes, FormError<E>> {
        let mut seen = 0;
        loop {
            let end = self.buffer[seen..].windows(2).position(|pair| pair == b"\r\n");
            if let Some(end) = end {
                let line = self.buffer.split_to(seen + end).freeze();
                let _end = self.buffer.split_to(2);
                return Ok(line);
            }
            seen = self.buffer.len().saturating_sub(1);
            if seen > MOST_HEADERS {
                return Err(FormError::Malformed("a part has more than 16 KiB of headers"));
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), FormError<E>> {
        match self.body.next().await {
            Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
            Some(Err(error)) => return Err(FormError::Body(error)),
            None => return Err(FormError::Malformed("it ends before its last delimiter")),
        }
        Ok(())
    }
}

/// Where a delimiter is.
enum Found {
    /// All of it.
    Whole(usize),
    /// Its beginning is at the end of what has come.
    Begun(usize),
    /// It is not among so many bytes.
    Nowhere(usize),
}

fn find(bytes: &[u8], delimiter: &[u8]) -> Found {
    let mut place = 0;
    while let Some(step) = bytes[place..].iter().position(|byte| *byte == b'\r') {
        place += step;
        let rest = &bytes[place..];
        if rest.starts_with(delimiter) {
            return Found::Whole(place);
        }
        if delimiter.starts_with(rest) {
            return Found::Begun(place);
        }
        place += 1;
    }
    Found::Nowhere(bytes.len())
}

/// A parameter of a header: a word or a text in quotation marks. Browsers write `%22` for a quotation mark in a name, others
/// `\"`.
fn parameter(mut rest: &str, wanted: &str) -> Option<String> {
    loop {
        rest = rest.trim_start_matches([';', ' ', '\t']);
        let (name, value) = rest.split_once('=')?;
        let (text, behind) = if let Some(quoted) = value.strip_prefix('"') {
            unquoted(quoted)?
        } else {
            let end = value.find(';').unwrap_or(value.len());
            (value[..end].trim().to_owned(), &value[end..])
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(text);
        }
        rest = behind;
    }
}

/// What stands before the closing quotation mark, and what behind.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut read = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((read.replace("%22", "\""), &text[place + 1..])),
            '\\' if text[place + 1..].starts_with(['"', '\\']) => {
                read.push(characters.next()?.1);
            }
            other => read.push(other),
        }
    }
    None
}

/// `utf-8''na%C3%AFve.txt`, RFC 8187.
fn decoded(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use proptest::prelude::*;

    use super::*;

    type Part = (PartHead, Vec<u8>);

    /// Reads a form that comes in pieces of so many bytes.
    fn read(form: &[u8], piece: usize) -> Result<Vec<Part>, FormError<Infallible>> {
        let pieces = form.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let mut form = Form::new(stream::iter(pieces.collect::<Vec<_>>()), "BoUnD");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut parts = Vec::new();
            while let Some(head) = form.part().await? {
                let mut all = Vec::new();
                while let Some(bytes) = form.bytes().await? {
                    assert!(!bytes.is_empty());
                    all.extend_from_slice(&bytes);
                }
                parts.push((head, all));
            }
            Ok(parts)
        })
    }

    fn written(parts: &[Part]) -> Vec<u8> {
        let mut form = Vec::new();
        for (head, bytes) in parts {
            let filename = head.filename.as_ref().map(|name| format!("; filename=\"{name}\""));
            let head = format!(
                "--BoUnD\r\nContent-Disposition: form-data; name=\"{}\"{}\r\nContent-Type: text/html\r\n\r\n",
                head.name,
                filename.unwrap_or_default()
            );
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(bytes);
            form.extend_from_slice(b"\r\n");
        }
        form.extend_from_slice(b"--BoUnD--\r\n");
        form
    }

    proptest! {
        #[test]
        fn a_form_is_read_as_it_was_written_however_it_comes(
            bodies in prop::collection::vec("(a|\r|\n|-|\r\n--BoUn|--BoUnD|\r\n){0,12}", 0..4),
            piece in 1_usize..40,
        ) {
            let part = |(index, body): (usize, &String)| {
                let filename = (index % 2 == 0).then(|| "a b.jsonl".to_owned());
                (PartHead { name: format!("field {index}"), filename }, body.clone().into_bytes())
            };
            let parts = bodies.iter().enumerate().map(part).collect::<Vec<_>>();
            // A body with the delimiter in it is two parts or none, and nobody's mistake here.
            prop_assume!(bodies.iter().all(|body| !format!("\r\n{body}\r\n").contains("\r\n--BoUnD")));
            prop_assert_eq!(read(&written(&parts), piece).unwrap(), parts);
        }

        #[test]
        fn any_bytes_are_read_or_refused(form in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..40) {
            let _either = read(&form, piece);
            let mut begun = b"--BoUnD\r\n".to_vec();
            begun.extend_from_slice(&form);
            let _either = read(&begun, piece);
        }
    }

    #[test]
    fn what_is_no_form_is_refused_in_words() {
        let malformed = |form: &[u8]| match read(form, 7) {
            Err(FormError::Malformed(why)) => why,
            other => panic!("{other:?}"),
        };
        let part = "--BoUnD\r\nContent-Disposition: form-data; name=\"a\"\r\n";
        assert!(malformed(b"").contains("ends before"));
        assert!(malformed(b"--BoUnD").contains("ends before"));
        assert!(malformed(format!("{part}\r\nbytes").as_bytes()).contains("ends before"));
        assert!(malformed(&vec![b'x'; 20_000]).contains("no delimiter"));
        assert!(malformed(b"--BoUnDx\r\n").contains("followed"));
        assert!(malformed(b"--BoUnD\r\n\r\n").contains("no name"));
        assert!(malformed(b"--BoUnD\r\nno colon\r\n\r\n").contains("colon"));
        let long = format!("{part}x: {}\r\n\r\n", "y".repeat(20_000));
        assert!(malformed(long.as_bytes()).contains("16 KiB"));
        let many = format!("{part}\r\n\r\n").repeat(33) + "--BoUnD--";
        assert!(malformed(many.as_bytes()).contains("32 parts"));
    }

    #[test]
    fn a_boundary_is_taken_from_a_form_alone() {
        let of = |text: &str| boundary(text);
        assert_eq!(of("multipart/form-data; boundary=abc").as_deref(), Some("abc"));
        assert_eq!(of("Multipart/Form-Data; charset=x; boundary=\"a b\"").as_deref(), Some("a b"));
        for bad in [
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/mixed; boundary=a",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
        assert_eq!(of(&format!("multipart/form-data; boundary={}", "a".repeat(71))), None);
    }

    #[test]
    fn names_of_files_are_read_as_clients_write_them() {
        let name = |rest: &str| {
            let form = format!(
                "--BoUnD\r\ncontent-disposition: form-data; name=file; {rest}\r\n\r\n\r\n--BoUnD--"
            );
            read(form.as_bytes(), 9).unwrap()[0].0.filename.clone()
        };
        assert_eq!(name("filename=\"a;b.txt\"").as_deref(), Some("a;b.txt"));
        assert_eq!(name("filename=\"a%22b\\\"c.txt\"").as_deref(), Some("a\"b\"c.txt"));
        assert_eq!(name("filename=plain.txt").as_deref(), Some("plain.txt"));
        assert_eq!(
            name("filename=\"x\"; filename*=UTF-8''na%C3%AFve.txt").as_deref(),
            Some("naïve.txt")
        );
        assert_eq!(name("filename=\"猫.png\"").as_deref(), Some("猫.png"));
        assert_eq!(name("x=y"), None);
    }
}
