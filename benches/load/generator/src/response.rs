//! As much of HTTP/1.1 as an answer needs: the status, where the body ends, whether the connection stays.

use std::io::{self, Read};

/// An answer; the body stays in the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) keeps: Keeps,
}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    Open,
    Closed,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug)]
enum End {
    Length(usize),
    Chunked,
    Closed,
}

struct Head {
    status: u16,
    end: End,
    keeps: Keeps,
}

/// Reads answers; the buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    received: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Reader {
    /// Reads one answer.
    ///
    /// # Errors
    /// When the connection ends early (`UnexpectedEof`; `NotConnected` before the first byte), times out, or what comes
    /// is not HTTP/1.1 (`InvalidData`).
    pub(crate) fn read(&mut self, stream: &mut impl Read) -> io::Result<Answer> {
        self.received.clear();
        self.body.clear();
        let head = loop {
            if let Some(at) = find(&self.received, b"\r\n\r\n") {
                let head = parse(&self.received[..at + 4])?;
                self.received.drain(..at + 4);
                // An interim answer is followed by the one that counts.
                if head.status >= 200 {
                    break head;
                }
                continue;
            }
            self.more(stream).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof if self.received.is_empty() => {
                    io::ErrorKind::NotConnected.into()
                }
                _ => error,
            })?;
        };
        let mut keeps = head.keeps;
        match head.end {
            End::Length(length) => {
                while self.received.len() < length {
                    self.more(stream)?;
                }
                self.body.extend_from_slice(&self.received[..length]);
            }
            End::Chunked => self.read_chunks(stream)?,
            End::Closed => {
                keeps = Keeps::Closed;
                stream.read_to_end(&mut self.received)?;
                self.body.append(&mut self.received);
            }
        }
        Ok(Answer { status: head.status, keeps })
    }

    fn more(&mut self, stream: &mut impl Read) -> io::Result<()> {
        let mut block = [0; 16 * 1024];
        let length = stream.read(&mut block)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&block[..length]);
        Ok(())
    }

    fn read_chunks(&mut self, stream: &mut impl Read) -> io::Result<()> {
        loop {
            let line = self.line(stream)?;
            let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(size).ok().map(str::trim);
            let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
            let size = size.ok_or_else(|| malformed("a chunk has no size"))?;
            if size == 0 {
                // Trailers, then an empty line.
                while !self.line(stream)?.is_empty() {}
                return Ok(());
            }
            while self.received.len() < size + 2 {
                self.more(stream)?;
            }
            self.body.extend_from_slice(&self.received[..size]);
            self.received.drain(..size + 2);
        }
    }

    fn line(&mut self, stream: &mut impl Read) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.received, b"\r\n") {
                let line = self.received.drain(..at + 2).take(at).collect();
                return Ok(line);
            }
            self.more(stream)?;
        }
    }
}

fn parse(head: &[u8]) -> io::Result<Head> {
    let head = std::str::from_utf8(head).map_err(|_| malformed("the head is not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let status = status.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| malformed("no status line"))?;
    let mut end =
        if matches!(status, 100..=199 | 204 | 304) { End::Length(0) } else { End::Closed };
    let mut keeps = Keeps::Open;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            end = End::Length(value.parse().map_err(|_| malformed("a length is no number"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            end = End::Chunked;
        } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            keeps = Keeps::Closed;
        }
    }
    Ok(Head { status, end, keeps })
}

/// Where `wanted` begins.
pub(crate) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, the hardest way to cut an answer.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let take = self.0.len().min(1);
            into[..take].copy_from_slice(&self.0[..take]);
            self.0 = &self.0[take..];
            Ok(take)
        }
    }

    fn read(text: &str) -> io::Result<(Answer, String)> {
        let mut reader = Reader::default();
        let whole = reader.read(&mut text.as_bytes()).map(|answer| (answer, reader.body.clone()));
        let dripped = reader.read(&mut Drip(text.as_bytes()));
        match whole {
            Ok((answer, body)) => {
                assert_eq!(dripped.unwrap(), answer);
                assert_eq!(reader.body, body);
                Ok((answer, String::from_utf8(body).unwrap()))
            }
            Err(error) => Err(error),
        }
    }

    #[test]
    fn a_body_of_known_length_is_read() {
        let (answer, body) =
            read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello").unwrap();
        assert_eq!(answer, Answer { status: 200, keeps: Keeps::Open });
        assert_eq!(body, "hello");
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        let text = "HTTP/1.1 429 Too Many\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                    5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n";
        let (answer, body) = read(text).unwrap();
        assert_eq!(answer, Answer { status: 429, keeps: Keeps::Closed });
        assert_eq!(body, "hello0123456789");
    }

    #[test]
    fn an_interim_answer_is_skipped() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(read(text).unwrap().1, "ok");
    }

    #[test]
    fn a_body_without_length_ends_with_the_connection() {
        let (answer, body) = read("HTTP/1.1 200 OK\r\n\r\nall of it").unwrap();
        assert_eq!(answer.keeps, Keeps::Closed);
        assert_eq!(body, "all of it");
    }

    #[test]
    fn a_cut_answer_and_no_answer_are_told_apart() {
        let cut = read("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
        let empty = read("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read("").unwrap_err().kind(), io::ErrorKind::NotConnected);
        assert_eq!(read("SSH-2.0\r\n\r\n").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
