//! Whether an input is one that can be worked on: every line, before the first is answered.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{BatchChunk, BatchRow, StoreError};

use super::lines::{Line, Lines, PlacedLine, Unread, text};
use super::{MOST_LINES, blobs};
use crate::accounts::now;
use crate::archive::Archive;

/// Lines that one process works on together.
const CHUNK_LINES: u64 = 32;

/// Bytes of such lines, unless one alone has more.
const CHUNK_BYTES: u64 = 8 << 20;

/// Errors that are told of an input.
const MOST_ERRORS: usize = 100;

/// Characters of a custom id.
const LONGEST_ID: usize = 512;

/// What is wrong with a line, or with the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct LineError {
    /// For programs.
    code: Cow<'static, str>,
    /// Counted from 1; none: the whole file.
    #[schema(required)]
    line: Option<u64>,
    /// For people.
    message: String,
    /// The field of the line.
    #[schema(required)]
    param: Option<Cow<'static, str>>,
}

/// Reads a batch's input, and says what becomes of it.
///
/// # Errors
/// When storage or the database does not answer, or the batch is another's by now.
pub(super) async fn validate(
    archive: &Archive,
    batch: &BatchRow,
    longest: u64,
) -> Result<(), StoreError> {
    let input = blobs(archive)?.read(&batch.input_object, None).await?;
    let found = check(input, &batch.endpoint, longest).await?;
    let (store, process) = (&archive.store, &archive.process);
    match found {
        Ok(chunks) => {
            store.start_batch(process, &batch.id, &chunks, now()).await?;
            tracing::info!(batch = batch.id, "a batch begins");
        }
        Err(errors) => {
            let errors = serde_json::to_string(&errors).unwrap_or_default();
            store.refuse_batch(process, &batch.id, &errors, now()).await?;
            tracing::info!(batch = batch.id, "a batch's input is no good");
        }
    }
    Ok(())
}

/// The chunks of an input, or what is wrong with it.
async fn check<E>(
    input: impl Stream<Item = Result<Bytes, E>> + Unpin,
    endpoint: &str,
    longest: u64,
) -> Result<Result<Vec<BatchChunk>, Vec<LineError>>, E> {
    let mut lines = Lines::new(input, longest);
    let mut checker = Checker { endpoint, ids: HashSet::new(), errors: Vec::new() };
    let mut chunks = Vec::<BatchChunk>::new();
    let mut count = 0;
    while checker.errors.len() < MOST_ERRORS {
        let line = match lines.next().await {
            Ok(None) => break,
            Ok(Some(line)) => line,
            Err(Unread::Source(error)) => return Err(error),
            Err(Unread::TooLong(number)) => {
                let message = format!("the line has more than the limit of {longest} bytes");
                checker.wrong("line_too_long", Some(number), message, None);
                break;
            }
        };
        if count == MOST_LINES {
            let message = format!("the file has more than the limit of {MOST_LINES} lines");
            checker.wrong("too_many_lines", None, message, None);
            break;
        }
        checker.line(&line);
        add(&mut chunks, &line, count);
        count += 1;
    }
    if count == 0 && checker.errors.is_empty() {
        checker.wrong("empty_file", None, "the file has no lines".to_owned(), None);
    }
    Ok(if checker.errors.is_empty() { Ok(chunks) } else { Err(checker.errors) })
}

/// Puts a line into the last chunk, or into a new one.
fn add(chunks: &mut Vec<BatchChunk>, line: &PlacedLine, number: u64) {
    if let Some(last) = chunks.last_mut()
        && last.lines < CHUNK_LINES
        && line.end - last.offset <= CHUNK_BYTES
    {
        last.lines += 1;
        last.bytes = line.end - last.offset;
        return;
    }
    let bytes = line.end - line.offset;
    let chunk = BatchChunk { first_line: number, lines: 1, offset: line.offset, bytes, done: 0 };
    chunks.push(chunk);
}

/// What all lines together have to keep to.
struct Checker<'a> {
    endpoint: &'a str,
    ids: HashSet<String>,
    errors: Vec<LineError>,
}

impl Checker<'_> {
    fn wrong(
        &mut self,
        code: &'static str,
        line: Option<u64>,
        message: String,
        param: Option<&'static str>,
    ) {
        let (code, param) = (code.into(), param.map(Cow::from));
        self.errors.push(LineError { code, line, message, param });
    }

    /// Looks at a line; each has its first error told.
    fn line(&mut self, line: &PlacedLine) {
        let mut wrong = |code, message: String, param| {
            self.wrong(code, Some(line.number), message, param);
        };
        let Ok(read) = Line::read(&line.text) else {
            wrong("invalid_json_line", "the line is no JSON object".to_owned(), None);
            return;
        };
        let fields = [
            ("custom_id", read.custom_id),
            ("method", read.method),
            ("url", read.url),
            ("body", read.body),
        ];
        for (name, value) in fields {
            if value.is_none() {
                wrong("missing_required_parameter", format!("{name} is missing"), Some(name));
                return;
            }
        }
        if text(read.method).as_deref() != Some("POST") {
            wrong("invalid_method", "method is not POST".to_owned(), Some("method"));
            return;
        }
        if text(read.url).as_deref() != Some(self.endpoint) {
            let message = format!("url is not {}, the batch's endpoint", self.endpoint);
            self.wrong("invalid_url", Some(line.number), message, Some("url"));
            return;
        }
        if let Some(what) = read.body.and_then(wrong_body) {
            self.wrong("invalid_body", Some(line.number), what.to_owned(), Some("body"));
            return;
        }
        let id = text(read.custom_id);
        let fits = |id: &String| (1..=LONGEST_ID).contains(&id.chars().count());
        let Some(id) = id.filter(fits) else {
            let message = format!("custom_id is no text of 1 to {LONGEST_ID} characters");
            self.wrong("invalid_custom_id", Some(line.number), message, Some("custom_id"));
            return;
        };
        if !self.ids.insert(id) {
            let message = "an earlier line has the same custom_id".to_owned();
            self.wrong("duplicate_custom_id", Some(line.number), message, Some("custom_id"));
        }
    }
}

/// What is wrong with a body, as far as it is the batch's to say; the rest is its endpoint's.
fn wrong_body(body: &RawValue) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Asked<'a> {
        #[serde(borrow)]
        stream: Option<&'a RawValue>,
    }
    if !body.get().starts_with('{') {
        return Some("body is no object");
    }
    let asked = serde_json::from_str::<Asked<'_>>(body.get()).ok()?;
    let streams = asked.stream.is_some_and(|stream| stream.get() == "true");
    streams.then_some("body.stream is true; nobody listens to a batch")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use futures_util::stream;

    use super::*;

    async fn checked(input: String) -> Result<Vec<BatchChunk>, Vec<LineError>> {
        let input = stream::iter([Ok::<_, ()>(Bytes::from(input))]);
        check(input, "/v1/score", 10_000_000).await.unwrap()
    }

    async fn codes(input: &str) -> Vec<(String, Option<u64>)> {
        let errors = checked(input.to_owned()).await.unwrap_err();
        errors.into_iter().map(|error| (error.code.into_owned(), error.line)).collect()
    }

    fn line(id: &str) -> String {
        format!(r#"{{"custom_id":"{id}","method":"POST","url":"/v1/score","body":{{}}}}"#)
    }

    #[tokio::test]
    async fn every_bad_line_is_told_by_its_number() {
        let good = line("a");
        let bad = [
            good.clone(),
            String::new(),
            "{".to_owned(),
            "[]".to_owned(),
            "{}".to_owned(),
            good.replace("POST", "GET"),
            good.replace("score", "embeddings"),
            good.replace("{}", "7"),
            good.replace("{}", r#"{"stream":true}"#),
            good.replace(r#""a""#, r#""""#),
            good.replace(r#""a""#, "1"),
            good.clone(),
            good.replace(r#""a""#, &format!("{:?}", "x".repeat(513))),
            format!("{good}x"),
        ];
        let expected = [
            ("invalid_json_line", 3),
            ("invalid_json_line", 4),
            ("missing_required_parameter", 5),
            ("invalid_method", 6),
            ("invalid_url", 7),
            ("invalid_body", 8),
            ("invalid_body", 9),
            ("invalid_custom_id", 10),
            ("invalid_custom_id", 11),
            ("duplicate_custom_id", 12),
            ("invalid_custom_id", 13),
            ("invalid_json_line", 14),
        ];
        let expected = expected.map(|(code, line)| (code.to_owned(), Some(line)));
        assert_eq!(codes(&bad.join("\n")).await, expected);
    }

    #[tokio::test]
    async fn an_empty_file_and_one_of_too_many_lines_are_refused_whole() {
        for empty in ["", "\n \n\r\n"] {
            assert_eq!(codes(empty).await, [("empty_file".to_owned(), None)]);
        }
        let mut all = String::new();
        for number in 0..MOST_LINES {
            writeln!(all, "{}", line(&number.to_string())).unwrap();
        }
        let chunks = checked(all.clone()).await.unwrap();
        assert_eq!(chunks.iter().map(|chunk| chunk.lines).sum::<u64>(), MOST_LINES);
        all.push_str(&line("one more"));
        assert_eq!(codes(&all).await, [("too_many_lines".to_owned(), None)]);
        let bad = "x\n".repeat(1000);
        assert_eq!(codes(&bad).await.len(), MOST_ERRORS);
        // UTF-8 that is none.
        let input = stream::iter([Ok::<_, ()>(Bytes::from_static(b"{\"custom_id\":\"\xff\"}"))]);
        assert!(check(input, "/v1/score", 100).await.unwrap().is_err());
    }

    #[tokio::test]
    async fn chunks_are_whole_lines_one_behind_the_other() {
        let long = line("long").replace("{}", &format!("{{\"a\":\"{}\"}}", "x".repeat(9_000_000)));
        let mut input = "\n".to_owned();
        for number in 0..70 {
            let line = if number == 40 { &long } else { &line(&number.to_string()) };
            write!(input, "{line}\r\n\n").unwrap();
        }
        let chunks = checked(input.clone()).await.unwrap();
        let shape = chunks.iter().map(|chunk| (chunk.first_line, chunk.lines)).collect::<Vec<_>>();
        assert_eq!(shape, [(0, 32), (32, 8), (40, 1), (41, 29)]);
        for chunk in chunks {
            let text = &input.as_bytes()[chunk.offset as usize..][..chunk.bytes as usize];
            let read = super::super::lines::of_chunk(&Bytes::copy_from_slice(text)).count();
            assert_eq!(read as u64, chunk.lines);
        }
    }
}
