//! One kept connection to the server.

use std::io::{self, IoSlice, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::response::{Answer, Keeps, Reader};

/// A connection and the buffers of its answers.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) reader: Reader,
    pub(crate) keeps: Keeps,
    /// Whether it has answered before: a server may close a connection between two requests.
    pub(crate) used: bool,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self { stream, reader: Reader::default(), keeps: Keeps::Open, used: false })
    }

    /// Sends a request and reads its answer, also where the server answers without reading the whole request.
    pub(crate) fn exchange(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<Answer> {
        let sent = self.send(pieces, usize::MAX);
        let answer = self.reader.read(&mut self.stream);
        let answer = match (sent, answer) {
            (Ok(()), answer) => answer?,
            (Err(_), Ok(answer)) => Answer { keeps: Keeps::Closed, ..answer },
            (Err(error), Err(_)) => return Err(error),
        };
        self.keeps = answer.keeps;
        self.used = true;
        Ok(answer)
    }

    /// Sends at most `most` bytes of a request.
    pub(crate) fn send(&mut self, pieces: &[IoSlice<'_>], most: usize) -> io::Result<()> {
        let mut left = most;
        let mut kept = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let length = piece.len().min(left);
            left -= length;
            if let Some(part) = piece.get(..length).filter(|part| !part.is_empty()) {
                kept.push(IoSlice::new(part));
            }
        }
        let mut rest = &mut kept[..];
        while !rest.is_empty() {
            match self.stream.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
