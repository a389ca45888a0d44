//! A connection's bytes: whether any move, and an end at which the last answer is not lost.
//!
//! A socket that is closed while bytes of the client are unread resets the connection, and the reset can take an answer
//! with it that the client has not read. So when a request was answered before it was read, the server ends its own side
//! only, and passes over what still comes until the client ends too, falls silent, or takes too long (RFC 9112 section
//! 9.6).

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A client that sends nothing for so long, while it is listened to only out of politeness, has heard enough.
const SILENCE: Duration = Duration::from_secs(2);

/// The longest that a client is listened to out of politeness.
const POLITENESS: Duration = Duration::from_secs(30);

/// What happens on one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    /// When bytes last moved, or a request was last answered.
    moved: Mutex<Instant>,
    /// Requests whose answers are being made.
    answering: AtomicUsize,
    /// A request was answered before its body was read.
    unread: AtomicBool,
}

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            moved: Mutex::new(Instant::now()),
            answering: AtomicUsize::new(0),
            unread: AtomicBool::new(false),
        })
    }

    fn touch(&self) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// A request is being answered until the guard is dropped.
    pub(crate) fn answering(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    /// Waits until no byte has moved for so long while nothing was being answered.
    pub(crate) async fn rested(&self, limit: Duration) {
        loop {
            let moved = *self.moved.lock().unwrap_or_else(PoisonError::into_inner);
            let end = moved + limit;
            if end > Instant::now() {
                tokio::time::sleep_until(end).await;
            } else if self.answering.load(Ordering::Relaxed) == 0 {
                return;
            } else {
                tokio::time::sleep(limit).await;
            }
        }
    }
}

/// See [`Activity::answering`].
#[derive(Debug)]
pub(crate) struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.touch();
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that tells its connection when nobody read it to its end.
#[derive(Debug)]
pub(crate) struct NotedBody {
    body: Incoming,
    activity: Arc<Activity>,
    ended: bool,
}

impl NotedBody {
    pub(crate) fn new(body: Incoming, activity: Arc<Activity>) -> Self {
        Self { body, activity, ended: false }
    }
}

impl Body for NotedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.ended |= frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for NotedBody {
    fn drop(&mut self) {
        if !self.ended && !self.body.is_end_stream() {
            self.activity.unread.store(true, Ordering::Relaxed);
        }
    }
}

/// A socket, plain or encrypted, that notes what happens on it.
pub(crate) struct Wire<S> {
    socket: S,
    activity: Arc<Activity>,
    farewell: Option<Farewell>,
}

/// The time after the server has ended its side.
struct Farewell {
    silence: Pin<Box<Sleep>>,
    end: Instant,
}

impl<S> Wire<S> {
    pub(crate) fn new(socket: S, activity: Arc<Activity>) -> Self {
        Self { socket, activity, farewell: None }
    }

    fn noting<T>(&self, moved: Poll<T>) -> Poll<T> {
        if moved.is_ready() {
            self.activity.touch();
        }
        moved
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.noting(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.noting(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.noting(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.farewell.is_none() {
            ready!(Pin::new(&mut this.socket).poll_shutdown(context))?;
            if !this.activity.unread.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let farewell = this.farewell.get_or_insert_with(|| Farewell {
            silence: Box::pin(tokio::time::sleep(SILENCE)),
            end: Instant::now() + POLITENESS,
        });
        let mut memory = [0; 16 << 10];
        loop {
            let mut buffer = ReadBuf::new(&mut memory);
            match Pin::new(&mut this.socket).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let now = Instant::now();
                    if now >= farewell.end {
                        return Poll::Ready(Ok(()));
                    }
                    farewell.silence.as_mut().reset(now + SILENCE);
                }
                // The client has ended, one way or the other.
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return farewell.silence.as_mut().poll(context).map(Ok),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_rests_only_after_its_bytes_and_its_answers() {
        let limit = Duration::from_mins(1);
        let activity = Activity::new();
        let (mut client, server) = tokio::io::duplex(100);
        let mut wire = Wire::new(server, Arc::clone(&activity));
        let begin = Instant::now();
        let use_it = async {
            tokio::time::sleep(Duration::from_secs(50)).await;
            client.write_all(b"a").await.unwrap();
            wire.read_u8().await.unwrap();
            let answering = activity.answering();
            tokio::time::sleep(Duration::from_secs(500)).await;
            drop(answering);
        };
        tokio::join!(use_it, activity.rested(limit));
        assert_eq!(begin.elapsed(), Duration::from_secs(50 + 500 + 60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wire_whose_requests_were_read_ends_at_once() {
        let (_client, server) = tokio::io::duplex(100);
        let begin = Instant::now();
        Wire::new(server, Activity::new()).shutdown().await.unwrap();
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unread_request_is_listened_to_until_silence_or_until_the_time_is_over() {
        for (pause, expected) in [(None, SILENCE), (Some(SILENCE / 2), POLITENESS)] {
            let (mut client, server) = tokio::io::duplex(100);
            let activity = Activity::new();
            activity.unread.store(true, Ordering::Relaxed);
            let begin = Instant::now();
            let talk = tokio::spawn(async move {
                while let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                    client.write_all(b"more").await.unwrap();
                }
                std::future::pending::<()>().await;
            });
            Wire::new(server, activity).shutdown().await.unwrap();
            assert_eq!(begin.elapsed(), expected);
            talk.abort();
        }
    }
}
