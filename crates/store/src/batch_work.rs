//! How processes share the work on batches, and why each line has one result and one charge whatever dies.
//!
//! A process takes a batch to validate or finalize it, or a chunk of lines to answer them, by writing its id where nobody's
//! or a dead one's stood; of several one succeeds. What is a process's may be taken when its last beat is too long ago. A
//! result is written only by the process that has the chunk, in one transaction with the charge, under a key that may exist
//! once: a process that was asleep and wakes writes nothing any more. Before a batch is finalized its chunks are sealed, so
//! that what the files say is all there is.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use ledger::{Hold, Open};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::batches::{BatchRow, BatchStatus, COLUMNS};
use crate::database::{Connection, Store, number, text};
use crate::error::StoreError;
use crate::files::{NewFile, insert_file, release_blob};
use crate::holds::{Charge, settle_within};
use crate::processes::Process;

/// A process's id that none has: what bears it is nobody's for ever.
const SEALED: &str = "-";

/// Batches that are looked through for work at once.
const CANDIDATES: i64 = 100;

/// Chunks of ended batches that one call clears away.
const CLEARED: i64 = 50;

/// Nobody's, or that of a process which is not `$1` and whose last beat was before `$2`.
macro_rules! free {
    ($table:literal) => {
        concat!(
            "(",
            $table,
            ".process_id = '' OR (",
            $table,
            ".process_id <> $1 AND NOT EXISTS (SELECT 1 FROM processes \
             WHERE processes.id = ",
            $table,
            ".process_id AND beat_at >= $2)))"
        )
    };
}

/// Who works, and since when whoever was silent counts as dead.
#[derive(Clone, Copy, Debug)]
pub struct BatchWorker<'a> {
    /// Who works.
    pub process: &'a Process,
    /// Processes whose last beat was before it are dead, in milliseconds since 1970. Whoever has a file for itself may name
    /// the end of time.
    pub beat_before: i64,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// Whose lines a process answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payers {
    /// Those that accounts pay for.
    Accounts,
    /// Those of a server without accounts.
    Nobody,
}

/// What a batch needs beside answers.
#[derive(Clone, Debug)]
pub enum BatchJob {
    /// Its input is to be read.
    Validate(BatchRow),
    /// Its files are to be written; no result is added any more.
    Finalize(BatchRow),
}

/// Lines that stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchChunk {
    /// The number of the first, counted from 0 without empty lines.
    pub first_line: u64,
    /// How many.
    pub lines: u64,
    /// Where it stands in the input.
    pub offset: u64,
    /// How long it is there.
    pub bytes: u64,
    /// How many of its lines have results.
    pub done: u64,
}

/// A chunk that is a process's, and the batch that it is of.
#[derive(Clone, Debug)]
pub struct ClaimedChunk {
    /// The batch.
    pub batch: BatchRow,
    /// The lines.
    pub chunk: BatchChunk,
}

/// Which file a result stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineOutcome {
    /// That of good answers.
    Completed,
    /// That of errors.
    Failed,
}

impl LineOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// A line's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchResult {
    /// The number of the line, counted from 0.
    pub line: u64,
    /// Which file it stands in.
    pub outcome: LineOutcome,
    /// The line of that file.
    pub content: String,
}

/// What a line's answer costs.
#[derive(Debug)]
pub struct LineCharge<'a> {
    /// What was set aside for it.
    pub hold: Hold<Open>,
    /// What it took.
    pub charge: Charge<'a>,
}

impl Store {
    /// The next batch that is to be validated or finalized. It is the process's until it says otherwise or is dead.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next_batch_job(
        &self,
        worker: &BatchWorker<'_>,
    ) -> Result<Option<BatchJob>, StoreError> {
        const WHICH: &str = concat!(
            " WHERE (status IN ('validating', 'finalizing', 'cancelling') AND ",
            free!("batches"),
            ") OR (status = 'in_progress' AND (expires_at <= $3 OR NOT EXISTS (SELECT 1 FROM batch_chunks \
             WHERE batch_id = batches.id AND done = 0))) ORDER BY served_at, id LIMIT $4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS}{WHICH}")))
            .bind(worker.process.id.clone())
            .bind(worker.beat_before)
            .bind(worker.now)
            .bind(CANDIDATES)
            .fetch_all(self.reader())
            .await?;
        for row in &rows {
            if let Some(job) = self.take_batch(worker, BatchRow::read(row)?).await? {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    /// Takes a batch, unless another was faster.
    async fn take_batch(
        &self,
        worker: &BatchWorker<'_>,
        mut batch: BatchRow,
    ) -> Result<Option<BatchJob>, StoreError> {
        let is_over = batch.expires_at <= worker.now;
        let (status, ending) = match (batch.status, is_over) {
            (BatchStatus::Validating, false) => (BatchStatus::Validating, None),
            (BatchStatus::Validating | BatchStatus::InProgress, true) => {
                // Lines that were all answered in time are not late.
                let all = batch.status == BatchStatus::InProgress
                    && batch.completed + batch.failed == batch.lines;
                let ending = if all { BatchStatus::Completed } else { BatchStatus::Expired };
                (BatchStatus::Finalizing, Some(ending))
            }
            (BatchStatus::InProgress, false) => {
                (BatchStatus::Finalizing, Some(BatchStatus::Completed))
            }
            (other, _) => (other, batch.ending),
        };
        let mut transaction = self.transaction().await?;
        let sql = "UPDATE batches SET process_id = $2, status = $3, ending = $4, \
                   finalizing_at = CASE WHEN $3 = 'finalizing' AND status <> 'finalizing' THEN $5 ELSE finalizing_at END \
                   WHERE id = $1 AND status = $6 AND process_id = $7";
        let taken = sqlx::query(sql)
            .bind(batch.id.clone())
            .bind(worker.process.id.clone())
            .bind(status.name())
            .bind(ending.map(BatchStatus::name))
            .bind(worker.now)
            .bind(batch.status.name())
            .bind(batch.process_id.clone());
        if taken.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(None);
        }
        if status != BatchStatus::Validating {
            let sql = "UPDATE batch_chunks SET process_id = $2 WHERE batch_id = $1";
            let sealed = sqlx::query(sql).bind(batch.id.clone()).bind(SEALED);
            sealed.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        (batch.status, batch.ending) = (status, ending);
        Ok(Some(match status {
            BatchStatus::Validating => BatchJob::Validate(batch),
            _ => BatchJob::Finalize(batch),
        }))
    }

    /// Gives a batch back that could not be validated or finalized now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_up_batch(
        &self,
        worker: &BatchWorker<'_>,
        id: &str,
    ) -> Result<(), StoreError> {
        // The others come first.
        let sql =
            "UPDATE batches SET process_id = '', served_at = $3 WHERE id = $1 AND process_id = $2";
        let done = sqlx::query(sql).bind(id.to_owned()).bind(worker.process.id.clone());
        let done = done.bind(worker.now);
        done.execute(self.quick_writer()).await?;
        Ok(())
    }

    /// Lets the lines of a valid batch be answered.
    ///
    /// # Errors
    /// When the batch is another's by now, or was told to stop.
    pub async fn start_batch(
        &self,
        process: &Process,
        id: &str,
        chunks: &[BatchChunk],
        now: i64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.transaction().await?;
        let lines = chunks.iter().map(|chunk| chunk.lines).sum::<u64>();
        let sql = "UPDATE batches SET status = 'in_progress', in_progress_at = $3, lines = $4, process_id = '' \
                   WHERE id = $1 AND process_id = $2 AND status = 'validating'";
        let started = sqlx::query(sql)
            .bind(id.to_owned())
            .bind(process.id.clone())
            .bind(now)
            .bind(lines as i64);
        if started.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(lost(id));
        }
        let sql = "INSERT INTO batch_chunks (batch_id, first_line, lines, byte_offset, bytes) \
                   VALUES ($1, $2, $3, $4, $5)";
        for chunk in chunks {
            sqlx::query(sql)
                .bind(id.to_owned())
                .bind(chunk.first_line as i64)
                .bind(chunk.lines as i64)
                .bind(chunk.offset as i64)
                .bind(chunk.bytes as i64)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a batch whose input is no good; `errors` is JSON of the server's.
    ///
    /// # Errors
    /// When the batch is another's by now, or was told to stop.
    pub async fn refuse_batch(
        &self,
        process: &Process,
        id: &str,
        errors: &str,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "UPDATE batches SET status = 'failed', failed_at = $3, errors = $4, process_id = '' \
                   WHERE id = $1 AND process_id = $2 AND status = 'validating' RETURNING input_sha256";
        let row = sqlx::query(sql)
            .bind(id.to_owned())
            .bind(process.id.clone())
            .bind(now)
            .bind(errors.to_owned())
            .fetch_optional(&mut *transaction)
            .await?;
        let input = text(&row.ok_or_else(|| lost(id))?, "input_sha256")?;
        release_blob(&mut transaction, input, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The next lines to be answered: of the batch that waited longest. They are the process's until it gives them back or
    /// is dead.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn next_batch_chunk(
        &self,
        worker: &BatchWorker<'_>,
        payers: Payers,
    ) -> Result<Option<ClaimedChunk>, StoreError> {
        const FREE: &str = concat!(
            "SELECT * FROM batch_chunks WHERE batch_id = $3 AND done = 0 AND ",
            free!("batch_chunks"),
            " ORDER BY first_line LIMIT 4"
        );
        let paid = match payers {
            Payers::Accounts => "key_id <> ''",
            Payers::Nobody => "key_id = ''",
        };
        let sql = format!(
            "SELECT id FROM batches WHERE status = 'in_progress' AND expires_at > $1 AND {paid} \
             ORDER BY served_at, id LIMIT $2"
        );
        let batches = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(worker.now).bind(CANDIDATES);
        for batch in batches.fetch_all(self.reader()).await? {
            let batch = text(&batch, "id")?;
            let chunks = sqlx::query(FREE)
                .bind(worker.process.id.clone())
                .bind(worker.beat_before)
                .bind(batch.clone());
            for row in chunks.fetch_all(self.reader()).await? {
                if self.take_chunk(worker, &batch, &row).await? {
                    let sql = format!("{COLUMNS} WHERE id = $1");
                    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(batch);
                    let batch = BatchRow::read(&found.fetch_one(self.reader()).await?)?;
                    return Ok(Some(ClaimedChunk { batch, chunk: BatchChunk::read(&row)? }));
                }
            }
        }
        Ok(None)
    }

    async fn take_chunk(
        &self,
        worker: &BatchWorker<'_>,
        batch: &str,
        chunk: &AnyRow,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE batch_chunks SET process_id = $4 WHERE batch_id = $1 AND first_line = $2 \
                   AND process_id = $3 AND EXISTS \
                   (SELECT 1 FROM batches WHERE id = $1 AND status = 'in_progress')";
        let taken = sqlx::query(sql)
            .bind(batch.to_owned())
            .bind(number(chunk, "first_line")?)
            .bind(text(chunk, "process_id")?)
            .bind(worker.process.id.clone());
        if taken.execute(self.quick_writer()).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let sql = "UPDATE batches SET served_at = $2 WHERE id = $1";
        let served = sqlx::query(sql).bind(batch.to_owned()).bind(worker.now);
        served.execute(self.quick_writer()).await?;
        Ok(true)
    }

    /// The numbers of a chunk's lines that have results.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn finished_batch_lines(
        &self,
        batch: &str,
        chunk: &BatchChunk,
    ) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT line FROM batch_results WHERE batch_id = $1 AND line >= $2 AND line < $3";
        let rows = sqlx::query(sql)
            .bind(batch.to_owned())
            .bind(chunk.first_line as i64)
            .bind((chunk.first_line + chunk.lines) as i64)
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(|row| number(row, "line").map(i64::unsigned_abs)).collect()
    }

    /// Whether a chunk is still the process's. It is not when its batch was told to stop, its time is over, or the process
    /// seemed dead.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_batch_chunk(
        &self,
        process: &Process,
        batch: &str,
        first_line: u64,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS one FROM batch_chunks WHERE batch_id = $1 AND first_line = $2 AND process_id = $3";
        let row = sqlx::query(sql)
            .bind(batch.to_owned())
            .bind(first_line as i64)
            .bind(process.id.clone());
        Ok(row.fetch_optional(self.reader()).await?.is_some())
    }

    /// Gives a chunk back, whether its lines are done or not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_up_batch_chunk(
        &self,
        process: &Process,
        batch: &str,
        first_line: u64,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE batch_chunks SET process_id = '' WHERE batch_id = $1 AND first_line = $2 AND process_id = $3";
        let done = sqlx::query(sql)
            .bind(batch.to_owned())
            .bind(first_line as i64)
            .bind(process.id.clone());
        done.execute(self.quick_writer()).await?;
        Ok(())
    }

    /// Writes a line's result and charges for it, both or neither.
    ///
    /// # Errors
    /// When the chunk is another's by now, the line has a result, or the hold was given back: nothing is written or charged
    /// then.
    pub async fn finish_batch_line(
        &self,
        process: &Process,
        claimed: &ClaimedChunk,
        result: &BatchResult,
        charge: Option<LineCharge<'_>>,
    ) -> Result<(), StoreError> {
        let batch = &claimed.batch.id;
        let (completed, failed) = match result.outcome {
            LineOutcome::Completed => (1, 0),
            LineOutcome::Failed => (0, 1),
        };
        let mut transaction = self.charging().await?;
        let sql = "UPDATE batch_chunks SET completed = completed + $4, failed = failed + $5, \
                   done = CASE WHEN completed + failed + 1 >= lines THEN 1 ELSE 0 END \
                   WHERE batch_id = $1 AND first_line = $2 AND process_id = $3";
        let counted = sqlx::query(sql)
            .bind(batch.clone())
            .bind(claimed.chunk.first_line as i64)
            .bind(process.id.clone())
            .bind(i64::from(completed))
            .bind(i64::from(failed));
        if counted.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(lost(batch));
        }
        let sql = "INSERT INTO batch_results (batch_id, line, outcome, content) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (batch_id, line) DO NOTHING";
        let written = sqlx::query(sql)
            .bind(batch.clone())
            .bind(result.line as i64)
            .bind(result.outcome.name())
            .bind(result.content.clone());
        if written.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(lost(batch));
        }
        if let Some(LineCharge { hold, charge }) = charge {
            // A second guard: this name may stand in one charge only.
            let name = format!("{batch}/{}", result.line);
            settle_within(&mut transaction, hold, &charge, Some(&name)).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// All chunks of a batch, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn batch_chunks(&self, batch: &str) -> Result<Vec<BatchChunk>, StoreError> {
        let sql = "SELECT * FROM batch_chunks WHERE batch_id = $1 ORDER BY first_line";
        let rows = sqlx::query(sql).bind(batch.to_owned()).fetch_all(self.reader()).await?;
        rows.iter().map(BatchChunk::read).collect()
    }

    /// The results of a chunk's lines, in order, as they come.
    pub fn batch_results(
        &self,
        batch: &str,
        chunk: &BatchChunk,
    ) -> BoxStream<'_, Result<BatchResult, StoreError>> {
        let sql = "SELECT line, outcome, content FROM batch_results \
                   WHERE batch_id = $1 AND line >= $2 AND line < $3 ORDER BY line";
        sqlx::query(sql)
            .bind(batch.to_owned())
            .bind(chunk.first_line as i64)
            .bind((chunk.first_line + chunk.lines) as i64)
            .fetch(self.reader())
            .map(|row| BatchResult::read(&row?))
            .boxed()
    }

    /// Ends a batch with the files of its results, all at once.
    ///
    /// # Errors
    /// When the batch is another's by now, or the objects of its files were given up.
    pub async fn end_batch(
        &self,
        process: &Process,
        id: &str,
        output: Option<&NewFile<'_>>,
        errors: Option<&NewFile<'_>>,
        now: i64,
    ) -> Result<BatchStatus, StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "UPDATE batches SET status = CASE WHEN status = 'cancelling' THEN 'cancelled' ELSE ending END, \
                   process_id = '' WHERE id = $1 AND process_id = $2 AND status IN ('finalizing', 'cancelling') \
                   RETURNING status, input_sha256";
        let row = sqlx::query(sql).bind(id.to_owned()).bind(process.id.clone());
        let row = row.fetch_optional(&mut *transaction).await?.ok_or_else(|| lost(id))?;
        let status = BatchStatus::read(&text(&row, "status")?)?;
        let output = kept(&mut transaction, process, output).await?;
        let errors = kept(&mut transaction, process, errors).await?;
        let ended = match status {
            BatchStatus::Cancelled => "cancelled_at",
            BatchStatus::Expired => "expired_at",
            _ => "completed_at",
        };
        let sql = format!(
            "UPDATE batches SET {ended} = $2, output_file_id = $3, error_file_id = $4, \
             completed = (SELECT CAST(COALESCE(SUM(c.completed), 0) AS BIGINT) FROM batch_chunks c WHERE c.batch_id = $1), \
             failed = (SELECT CAST(COALESCE(SUM(c.failed), 0) AS BIGINT) FROM batch_chunks c WHERE c.batch_id = $1) \
             WHERE id = $1"
        );
        let ended = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id.to_owned())
            .bind(now)
            .bind(output)
            .bind(errors);
        ended.execute(&mut *transaction).await?;
        release_blob(&mut transaction, text(&row, "input_sha256")?, now).await?;
        transaction.commit().await?;
        Ok(status)
    }

    /// Clears away what ended batches no longer need, some of it; gives how much.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn clear_ended_batches(&self) -> Result<usize, StoreError> {
        let sql = "SELECT c.batch_id, c.first_line, c.lines FROM batch_chunks c JOIN batches b ON b.id = c.batch_id \
                   WHERE b.status IN ('completed', 'expired', 'cancelled') LIMIT $1";
        let chunks = sqlx::query(sql).bind(CLEARED).fetch_all(self.reader()).await?;
        for chunk in &chunks {
            let (batch, first) = (text(chunk, "batch_id")?, number(chunk, "first_line")?);
            // Little at a time: a call may be waiting to write.
            let mut transaction = self.quick_transaction().await?;
            let sql = "DELETE FROM batch_results WHERE batch_id = $1 AND line >= $2 AND line < $3";
            let results = sqlx::query(sql).bind(batch.clone()).bind(first);
            let results = results.bind(first + number(chunk, "lines")?);
            results.execute(&mut *transaction).await?;
            let sql = "DELETE FROM batch_chunks WHERE batch_id = $1 AND first_line = $2";
            sqlx::query(sql).bind(batch).bind(first).execute(&mut *transaction).await?;
            transaction.commit().await?;
        }
        Ok(chunks.len())
    }
}

impl BatchChunk {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let count = |column| number(row, column).map(i64::unsigned_abs);
        Ok(Self {
            first_line: count("first_line")?,
            lines: count("lines")?,
            offset: count("byte_offset")?,
            bytes: count("bytes")?,
            done: count("completed")? + count("failed")?,
        })
    }
}

impl BatchResult {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let outcome = match row.try_get::<&str, _>("outcome")? {
            "completed" => LineOutcome::Completed,
            _ => LineOutcome::Failed,
        };
        let line = number(row, "line")?.unsigned_abs();
        Ok(Self { line, outcome, content: text(row, "content")? })
    }
}

/// Makes a file of results; gives its id.
async fn kept(
    connection: Connection<'_>,
    process: &Process,
    file: Option<&NewFile<'_>>,
) -> Result<Option<String>, StoreError> {
    let Some(file) = file else { return Ok(None) };
    Ok(Some(insert_file(connection, process, file).await?.id))
}

fn lost(batch: &str) -> StoreError {
    StoreError::BatchLost(batch.to_owned())
}
