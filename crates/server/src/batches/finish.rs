//! The files of a batch's results: good answers in one, errors in the other, in the order of the lines.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::json;
use store::{
    BatchChunk, BatchRow, BatchStatus, BlobWriter, LineOutcome, NewFile, StoreError, Written,
};

use super::blobs;
use super::lines::{Line, of_chunk};
use crate::accounts::now;
use crate::archive::Archive;

/// Bytes that are gathered before they are written.
const GATHERED: usize = 256 << 10;

/// Writes the files of a batch and ends it.
///
/// # Errors
/// When storage or the database does not answer, or the batch is another's by now; nothing is kept then.
pub(super) async fn finish(archive: &Archive, batch: &BatchRow) -> Result<(), StoreError> {
    let (mut output, mut errors) = (Sheet::default(), Sheet::default());
    let ended = write(archive, batch, &mut output, &mut errors).await;
    if ended.is_err() {
        for sheet in [output, errors] {
            sheet.give_up(archive).await;
        }
    }
    let status = ended?.name();
    tracing::info!(batch = batch.id, status, "a batch has ended");
    Ok(())
}

async fn write(
    archive: &Archive,
    batch: &BatchRow,
    output: &mut Sheet,
    errors: &mut Sheet,
) -> Result<BatchStatus, StoreError> {
    for chunk in archive.store.batch_chunks(&batch.id).await? {
        // What has no result is named by the input alone.
        let mut missing = if chunk.done < chunk.lines {
            custom_ids(archive, batch, &chunk).await?
        } else {
            HashMap::new()
        };
        let mut results = archive.store.batch_results(&batch.id, &chunk);
        while let Some(result) = results.next().await {
            let result = result?;
            missing.remove(&result.line);
            let sheet = match result.outcome {
                LineOutcome::Completed => &mut *output,
                LineOutcome::Failed => &mut *errors,
            };
            sheet.add(archive, &result.content).await?;
        }
        let mut missing = missing.into_iter().collect::<Vec<_>>();
        missing.sort_unstable();
        for (_, custom_id) in missing {
            errors.add(archive, &unanswered(batch, &custom_id)).await?;
        }
    }
    output.finish(archive).await?;
    errors.finish(archive).await?;
    let now = now();
    let names = [format!("{}_output.jsonl", batch.id), format!("{}_error.jsonl", batch.id)];
    let output = output.file(batch, &names[0], now);
    let errors = errors.file(batch, &names[1], now);
    let (store, process) = (&archive.store, &archive.process);
    store.end_batch(process, &batch.id, output.as_ref(), errors.as_ref(), now).await
}

/// The custom ids of a chunk's lines, as JSON: all null where the input is gone.
async fn custom_ids(
    archive: &Archive,
    batch: &BatchRow,
    chunk: &BatchChunk,
) -> Result<HashMap<u64, String>, StoreError> {
    let place = chunk.offset..chunk.offset + chunk.bytes;
    let bytes = match blobs(archive)?.read_whole(&batch.input_object, Some(place)).await {
        Err(error) if error.is_missing_object() => {
            // What was answered is not held back for it.
            tracing::error!(batch = batch.id, %error, "the input of a batch is gone from storage");
            let lines = chunk.first_line..chunk.first_line + chunk.lines;
            return Ok(lines.map(|line| (line, "null".to_owned())).collect());
        }
        read => read?,
    };
    let id = |(line, text): (u64, Bytes)| {
        let id = Line::read(&text).ok().and_then(|line| Some(line.custom_id?.get().to_owned()));
        (line, id.unwrap_or_else(|| "null".to_owned()))
    };
    Ok((chunk.first_line..).zip(of_chunk(&bytes)).map(id).collect())
}

/// What stands for a line that was not answered.
fn unanswered(batch: &BatchRow, custom_id: &str) -> String {
    let (code, message) = match batch.status {
        BatchStatus::Cancelling => {
            ("batch_cancelled", "the line was not answered before the batch was cancelled")
        }
        _ => ("batch_expired", "the line was not answered before the batch's time was over"),
    };
    let id = format!("batch_req_{}", uuid::Uuid::now_v7().simple());
    let error = json!({ "code": code, "message": message });
    format!(r#"{{"id":"{id}","custom_id":{custom_id},"response":null,"error":{error}}}"#)
}

/// A file of results; it is begun with its first line.
#[derive(Default)]
struct Sheet {
    object: Option<String>,
    writer: Option<BlobWriter>,
    gathered: BytesMut,
    written: Option<Written>,
}

impl Sheet {
    async fn add(&mut self, archive: &Archive, line: &str) -> Result<(), StoreError> {
        self.gathered.extend_from_slice(line.as_bytes());
        self.gathered.extend_from_slice(b"\n");
        if self.gathered.len() >= GATHERED {
            self.write(archive).await?;
        }
        Ok(())
    }

    async fn write(&mut self, archive: &Archive) -> Result<(), StoreError> {
        let bytes = self.gathered.split().freeze();
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let object = archive.store.announce_object(&archive.process, now()).await?;
            let object = self.object.insert(object);
            self.writer.insert(blobs(archive)?.begin(object).await?)
        };
        writer.write(bytes).await
    }

    async fn finish(&mut self, archive: &Archive) -> Result<(), StoreError> {
        if !self.gathered.is_empty() {
            self.write(archive).await?;
        }
        if let Some(writer) = self.writer.take() {
            self.written = Some(writer.finish().await?);
        }
        Ok(())
    }

    /// The file to be; none without a line.
    fn file<'a>(&'a self, batch: &'a BatchRow, filename: &'a str, now: i64) -> Option<NewFile<'a>> {
        Some(NewFile {
            owner: &batch.owner,
            filename,
            purpose: "batch_output",
            written: self.written.as_ref()?,
            object: self.object.as_deref()?,
            expires_at: batch.output_expires_after.map(|seconds| now + seconds * 1000),
            // What was paid for is kept, whatever else its owner has.
            quota: None,
            now,
        })
    }

    async fn give_up(self, archive: &Archive) {
        if let Some(writer) = self.writer {
            // What is left of it is removed with the object.
            let _failed = writer.abort().await;
        }
        if let Some(object) = self.object
            && let Err(error) = archive.store.give_up_object(&object).await
        {
            tracing::error!(%error, "the database");
        }
    }
}
