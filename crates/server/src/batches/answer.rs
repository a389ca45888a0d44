//! Lines of a chunk through the router, each until it has its result.

use std::collections::HashSet;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use futures_util::{FutureExt, TryFutureExt};
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use hyper::service::Service;
use serde_json::json;
use serde_json::value::RawValue;
use store::{BatchResult, ClaimedChunk, KeyRow, LineOutcome, Payers, StoreError};

use super::lines::{Line, of_chunk};
use super::{Done, Work, blobs, worker};
use crate::accounts::now;
use crate::archive::Archive;
use crate::bill::{Bill, SharedBill};
use crate::error::{ApiError, ErrorCode};
use crate::layers::{InProcess, RequestId};

/// Until a line that was turned away is tried again, at first.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// And at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// How often it is asked whether a chunk is still ours.
const WATCH: Duration = Duration::from_secs(1);

/// Who pays for the lines of a chunk.
enum Payer {
    /// Nobody, on a server without accounts.
    Nobody,
    Key(Box<KeyRow>),
    /// The key is gone since the batch was made.
    Gone,
}

/// What the router answered.
struct Answer {
    status: StatusCode,
    body: Bytes,
    /// Whether it is worth another try.
    again: bool,
}

impl Work {
    /// Answers the lines of a chunk.
    pub(super) async fn answer(&self, archive: &Archive) -> Result<Done, StoreError> {
        let payers = match &self.app.accounts {
            Some(_) => Payers::Accounts,
            None => Payers::Nobody,
        };
        let next = archive.store.next_batch_chunk(&worker(archive), payers).await?;
        let Some(claimed) = next else { return Ok(Done::Nothing) };
        let (batch, first_line) = (&claimed.batch.id, claimed.chunk.first_line);
        let work = AssertUnwindSafe(self.chunk(archive, &claimed)).catch_unwind().await;
        archive.store.give_up_batch_chunk(&archive.process, batch, first_line).await?;
        work.unwrap_or_else(|_| Err(StoreError::Invalid(format!("{batch} panicked"))))?;
        Ok(Done::Something)
    }

    async fn chunk(&self, archive: &Archive, claimed: &ClaimedChunk) -> Result<(), StoreError> {
        let ClaimedChunk { batch, chunk } = claimed;
        let place = chunk.offset..chunk.offset + chunk.bytes;
        let bytes = blobs(archive)?.read_whole(&batch.input_object, Some(place)).await?;
        let finished = archive.store.finished_batch_lines(&batch.id, chunk).await?;
        let finished = finished.into_iter().collect::<HashSet<_>>();
        let payer = &self.payer(claimed).await?;
        let lines = (chunk.first_line..).zip(of_chunk(&bytes));
        let lines = lines.filter(|(line, _)| !finished.contains(line));
        let lines = lines.map(|(line, text)| self.line(archive, claimed, payer, line, text));
        // Fewer at a time in memory than there are in a chunk.
        let all =
            stream::iter(lines).map(Ok).try_for_each_concurrent(self.lines_at_once, |line| line);
        tokio::select! {
            done = all => done?,
            // Whatever is on its way is dropped, with what was set aside for it.
            () = self.until_lost(archive, claimed) => {}
        }
        tracing::info!(batch = batch.id, lines = chunk.lines, "worked on lines of a batch");
        Ok(())
    }

    async fn payer(&self, claimed: &ClaimedChunk) -> Result<Payer, StoreError> {
        let Some(accounts) = &self.app.accounts else { return Ok(Payer::Nobody) };
        let owner = claimed.batch.owner.account_id();
        match accounts.store.key(&claimed.batch.key_id, owner).await {
            Ok(key) if key.is_usable(now()) => Ok(Payer::Key(Box::new(key))),
            Ok(_) | Err(StoreError::Missing { .. }) => Ok(Payer::Gone),
            Err(error) => Err(error),
        }
    }

    /// Comes back when the chunk is no longer ours: its batch was told to stop, or its time is over.
    async fn until_lost(&self, archive: &Archive, claimed: &ClaimedChunk) {
        loop {
            tokio::time::sleep(WATCH).await;
            let (batch, first_line) = (&claimed.batch.id, claimed.chunk.first_line);
            let ours = archive.store.has_batch_chunk(&archive.process, batch, first_line).await;
            if matches!(ours, Ok(false)) {
                return;
            }
        }
    }

    /// Answers a line, however often that has to be tried.
    async fn line(
        &self,
        archive: &Archive,
        claimed: &ClaimedChunk,
        payer: &Payer,
        line: u64,
        text: Bytes,
    ) -> Result<(), StoreError> {
        let mut pause = FIRST_PAUSE;
        while !self.is_stopped() {
            match self.try_line(archive, claimed, payer, line, &text).await {
                Ok(true) | Err(StoreError::BatchLost(_)) => break,
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "a line of a batch could not be finished"),
            }
            self.pause(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    /// Answers a line once; `false` when the server has no room for it now.
    async fn try_line(
        &self,
        archive: &Archive,
        claimed: &ClaimedChunk,
        payer: &Payer,
        line: u64,
        text: &Bytes,
    ) -> Result<bool, StoreError> {
        let id = format!("req_{}", uuid::Uuid::now_v7().simple());
        let read = Line::read(text).ok();
        let custom_id = read.as_ref().and_then(|read| read.custom_id);
        let body = read.as_ref().and_then(|read| read.body);
        let body = body.map(|body| text.slice_ref(body.get().as_bytes())).unwrap_or_default();
        let (bill, answer) = match payer {
            Payer::Nobody => self.ask(claimed, Bill::of_line(None, &id), &id, body).await,
            Payer::Key(key) => {
                let key = (**key).clone();
                self.ask(claimed, Bill::of_line(Some(key), &id), &id, body).await
            }
            Payer::Gone => (SharedBill::default(), refused(ApiError::unknown_key()).await),
        };
        let mut due = bill.due();
        if (answer.again || !answer.status.is_success())
            && let Some(due) = due.take()
        {
            due.release().await;
        }
        if answer.again {
            return Ok(false);
        }
        let good = answer.status.is_success();
        let result = BatchResult {
            line,
            outcome: if good { LineOutcome::Completed } else { LineOutcome::Failed },
            content: written(custom_id, &id, &answer),
        };
        let charge = due.as_mut().and_then(|due| due.charge(&id));
        let finished = archive.store.finish_batch_line(&archive.process, claimed, &result, charge);
        if let Err(error) = finished.await {
            if let Some(due) = due {
                due.release().await;
            }
            return Err(error);
        }
        self.app.metrics.batch_lines.inc();
        Ok(true)
    }

    /// Sends a line's body to the batch's endpoint, as a request that comes from within.
    async fn ask(
        &self,
        claimed: &ClaimedChunk,
        bill: Bill,
        id: &str,
        body: Bytes,
    ) -> (SharedBill, Answer) {
        let bill = SharedBill::new(bill);
        let request = Request::post(claimed.batch.endpoint.as_str())
            .header(CONTENT_TYPE, "application/json")
            // For a model that is being loaded.
            .header("prefer", "wait=110")
            .extension(RequestId(id.to_owned()))
            .extension(InProcess(SharedBill::clone(&bill)))
            .body(Body::from(body));
        let answered = match request {
            Ok(request) => {
                self.router.call(request).unwrap_or_else(|never: Infallible| match never {}).await
            }
            Err(_) => ApiError::internal("the endpoint of the batch is no path").into_response(),
        };
        (bill, Answer::read(answered).await)
    }
}

impl Answer {
    async fn read(response: axum::response::Response) -> Self {
        let status = response.status();
        let code = response.extensions().get::<ErrorCode>().map_or("", |ErrorCode(code)| *code);
        let again = match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT => true,
            // What took an hour takes an hour the next time.
            StatusCode::SERVICE_UNAVAILABLE => code != "timeout",
            _ => false,
        };
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
        Self { status, body, again }
    }
}

/// An error that needs no router.
async fn refused(error: ApiError) -> Answer {
    Answer::read(error.into_response()).await
}

/// The line of a file of results.
fn written(custom_id: Option<&RawValue>, request_id: &str, answer: &Answer) -> String {
    let id = format!("batch_req_{}", uuid::Uuid::now_v7().simple());
    let custom_id = custom_id.map_or("null", RawValue::get);
    let status = answer.status.as_u16();
    // Answers are JSON in one line; what is none is told as a text.
    let body = std::str::from_utf8(&answer.body).ok();
    let body = body.filter(|body| body.starts_with(['{', '[']) && !body.contains('\n'));
    let body = body
        .map_or_else(|| json!(String::from_utf8_lossy(&answer.body)).to_string(), str::to_owned);
    format!(
        r#"{{"id":"{id}","custom_id":{custom_id},"response":{{"status_code":{status},"request_id":"{request_id}","body":{body}}},"error":null}}"#
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, body: Bytes::from(body.to_owned()), again: false }
    }

    #[test]
    fn a_result_is_one_line_of_json_whatever_was_answered() {
        let id = serde_json::from_str::<&RawValue>(r#""a \"b\"""#).unwrap();
        for body in [r#"{"a":1.50}"#, "[1]", "no json", "{\n}", ""] {
            let line = written(Some(id), "req_1", &answer(200, body));
            assert!(!line.contains('\n'));
            let value = serde_json::from_str::<Value>(&line).unwrap();
            assert_eq!(value["custom_id"], "a \"b\"");
            assert_eq!(value["response"]["status_code"], 200);
            let told = &value["response"]["body"];
            let same = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
            assert!(*told == same || *told == json!(body), "{told}");
        }
        assert!(written(None, "req_1", &answer(500, "{}")).contains(r#""custom_id":null"#));
    }

    #[tokio::test]
    async fn what_the_server_has_no_room_for_comes_again_and_nothing_else_does() {
        let again = async |error: ApiError| refused(error).await.again;
        assert!(again(ApiError::busy("queue_full", "", 1)).await);
        assert!(again(ApiError::unavailable("model_loading", "", 1)).await);
        assert!(!again(ApiError::unavailable("timeout", "", 1)).await);
        assert!(!again(ApiError::unknown_key()).await);
        assert!(!again(ApiError::internal("")).await);
        assert!(!again(ApiError::unpaid("insufficient_credit", "")).await);
    }
}
