//! Batches as their owners see them: made, found, listed, cancelled. How they are worked on is in `batch_work.rs`.
//!
//! A batch needs the blob of its input until it ends, so that nobody takes the input away under it by deleting the file.

use sqlx::any::AnyRow;

use crate::accounts::new_id;
use crate::database::{Connection, Store, number, optional_number, optional_text, text};
use crate::error::StoreError;
use crate::files::FileRow;
use crate::owner::Owner;

/// Batches of an owner that have not ended.
pub const MOST_OPEN_BATCHES: i64 = 100;

/// How far a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchStatus {
    /// Its input is being read.
    Validating,
    /// Its input was no good.
    Failed,
    /// Its lines are being answered.
    InProgress,
    /// Its files are being written.
    Finalizing,
    /// Every line has a result.
    Completed,
    /// Its time ended before its lines did.
    Expired,
    /// It was told to stop.
    Cancelling,
    /// It has stopped.
    Cancelled,
}

impl BatchStatus {
    const ALL: [Self; 8] = [
        Self::Validating,
        Self::Failed,
        Self::InProgress,
        Self::Finalizing,
        Self::Completed,
        Self::Expired,
        Self::Cancelling,
        Self::Cancelled,
    ];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Failed => "failed",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn read(name: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == name)
            .ok_or_else(|| StoreError::Invalid(format!("{name:?} is no status of a batch")))
    }
}

/// A batch. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRow {
    /// `batch_…`.
    pub id: String,
    /// Whose it is.
    pub owner: Owner,
    /// The key that pays; empty without accounts.
    pub key_id: String,
    /// The path that every line goes to.
    pub endpoint: String,
    /// The file of its lines; it may be gone.
    pub input_file_id: String,
    /// The name of the input's bytes in storage.
    pub input_object: String,
    /// The input's size.
    pub input_bytes: u64,
    /// JSON of the caller's.
    pub metadata: Option<String>,
    /// Seconds after which the files of results vanish.
    pub output_expires_after: Option<i64>,
    /// How far it is.
    pub status: BatchStatus,
    /// What it will be, while it is being finalized.
    pub ending: Option<BatchStatus>,
    /// JSON of the server's: what is wrong with the input.
    pub errors: Option<String>,
    /// Lines of the input, once it was read.
    pub lines: u64,
    /// Lines with a good answer.
    pub completed: u64,
    /// Lines with an error.
    pub failed: u64,
    /// The file of good answers.
    pub output_file_id: Option<String>,
    /// The file of errors.
    pub error_file_id: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// When its time is over.
    pub expires_at: i64,
    /// When its lines began to be answered.
    pub in_progress_at: Option<i64>,
    /// When its files began to be written.
    pub finalizing_at: Option<i64>,
    /// When it was completed.
    pub completed_at: Option<i64>,
    /// When its input was found to be no good.
    pub failed_at: Option<i64>,
    /// When it had expired and its files were written.
    pub expired_at: Option<i64>,
    /// When it was told to stop.
    pub cancelling_at: Option<i64>,
    /// When it had stopped and its files were written.
    pub cancelled_at: Option<i64>,
    pub(crate) process_id: String,
}

impl BatchRow {
    pub(crate) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let count = |column| number(row, column).map(i64::unsigned_abs);
        let time = |column| optional_number(row, column);
        let ending = optional_text(row, "ending")?;
        Ok(Self {
            id: text(row, "id")?,
            owner: Owner::account(&text(row, "owner")?),
            key_id: text(row, "key_id")?,
            endpoint: text(row, "endpoint")?,
            input_file_id: text(row, "input_file_id")?,
            input_object: text(row, "input_object")?,
            input_bytes: count("input_bytes")?,
            metadata: optional_text(row, "metadata")?,
            output_expires_after: time("output_expires_after")?,
            status: BatchStatus::read(&text(row, "status")?)?,
            ending: ending.as_deref().map(BatchStatus::read).transpose()?,
            errors: optional_text(row, "errors")?,
            lines: count("lines")?,
            completed: count("good")?,
            failed: count("bad")?,
            output_file_id: optional_text(row, "output_file_id")?,
            error_file_id: optional_text(row, "error_file_id")?,
            created_at: number(row, "created_at")?,
            expires_at: number(row, "expires_at")?,
            in_progress_at: time("in_progress_at")?,
            finalizing_at: time("finalizing_at")?,
            completed_at: time("completed_at")?,
            failed_at: time("failed_at")?,
            expired_at: time("expired_at")?,
            cancelling_at: time("cancelling_at")?,
            cancelled_at: time("cancelled_at")?,
            process_id: text(row, "process_id")?,
        })
    }
}

/// A batch to be.
#[derive(Clone, Debug)]
pub struct NewBatch<'a> {
    /// Whose it is.
    pub owner: &'a Owner,
    /// The key that pays; empty without accounts.
    pub key_id: &'a str,
    /// The path that every line goes to.
    pub endpoint: &'a str,
    /// The file of its lines, the owner's own.
    pub input: &'a FileRow,
    /// JSON of the caller's.
    pub metadata: Option<String>,
    /// Seconds after which the files of results vanish.
    pub output_expires_after: Option<i64>,
    /// When its time is over.
    pub expires_at: i64,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// A batch with the counts of its lines: `batches` stands in what follows.
pub(crate) const COLUMNS: &str = "SELECT batches.*, \
    COALESCE(batches.completed, (SELECT CAST(COALESCE(SUM(c.completed), 0) AS BIGINT) \
    FROM batch_chunks c WHERE c.batch_id = batches.id)) AS good, \
    COALESCE(batches.failed, (SELECT CAST(COALESCE(SUM(c.failed), 0) AS BIGINT) \
    FROM batch_chunks c WHERE c.batch_id = batches.id)) AS bad FROM batches";

impl Store {
    /// Makes a batch, which is validated next.
    ///
    /// # Errors
    /// When the file is gone, or the owner has too many batches that have not ended.
    pub async fn create_batch(&self, new: &NewBatch<'_>) -> Result<BatchRow, StoreError> {
        let id = new_id("batch");
        let mut transaction = self.transaction().await?;
        let sql = "SELECT COUNT(*) AS count FROM batches WHERE owner = $1 \
                   AND status IN ('validating', 'in_progress', 'finalizing', 'cancelling')";
        let open = sqlx::query(sql).bind(new.owner.as_str().to_owned());
        if number(&open.fetch_one(&mut *transaction).await?, "count")? >= MOST_OPEN_BATCHES {
            let what = "batches of an account that have not ended";
            return Err(StoreError::Full { what, limit: MOST_OPEN_BATCHES });
        }
        let sql = "UPDATE blobs SET needed = needed + 1 WHERE sha256 = $1 AND EXISTS \
                   (SELECT 1 FROM files WHERE files.id = $2 AND owner = $3 \
                   AND (expires_at IS NULL OR expires_at > $4))";
        let needed = sqlx::query(sql)
            .bind(new.input.sha256.clone())
            .bind(new.input.id.clone())
            .bind(new.owner.as_str().to_owned())
            .bind(new.now);
        if needed.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(StoreError::Missing { what: "file", id: new.input.id.clone() });
        }
        let sql = "INSERT INTO batches (id, owner, key_id, endpoint, input_file_id, input_sha256, input_object, \
                   input_bytes, metadata, output_expires_after, status, created_at, expires_at, served_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'validating', $11, $12, $11)";
        sqlx::query(sql)
            .bind(id.clone())
            .bind(new.owner.as_str().to_owned())
            .bind(new.key_id.to_owned())
            .bind(new.endpoint.to_owned())
            .bind(new.input.id.clone())
            .bind(new.input.sha256.clone())
            .bind(new.input.object.clone())
            .bind(i64::try_from(new.input.bytes).unwrap_or(i64::MAX))
            .bind(new.metadata.clone())
            .bind(new.output_expires_after)
            .bind(new.now)
            .bind(new.expires_at)
            .execute(&mut *transaction)
            .await?;
        let row = find(&mut transaction, new.owner, &id).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// A batch of an owner.
    ///
    /// # Errors
    /// When there is none.
    pub async fn batch(&self, owner: &Owner, id: &str) -> Result<BatchRow, StoreError> {
        let mut connection = self.reader().acquire().await?;
        find(&mut connection, owner, id).await
    }

    /// The batches of an owner, the newest first: those behind one of them, so many at most.
    ///
    /// # Errors
    /// When the list is to begin behind a batch that there is not.
    pub async fn batches(
        &self,
        owner: &Owner,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<BatchRow>, StoreError> {
        let after = match after {
            Some(id) => Some(self.batch(owner, id).await?),
            None => None,
        };
        let sql = format!(
            "{COLUMNS} WHERE owner = $1 \
             AND ($2 = '' OR created_at < $3 OR (created_at = $3 AND id < $2)) \
             ORDER BY created_at DESC, id DESC LIMIT $4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(owner.as_str().to_owned())
            .bind(after.as_ref().map_or_else(String::new, |batch| batch.id.clone()))
            .bind(after.as_ref().map_or(0, |batch| batch.created_at))
            .bind(i64::from(limit))
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(BatchRow::read).collect()
    }

    /// Tells a batch to stop, unless it is ending or has ended; gives it as it is then.
    ///
    /// # Errors
    /// When there is none.
    pub async fn cancel_batch(
        &self,
        owner: &Owner,
        id: &str,
        now: i64,
    ) -> Result<BatchRow, StoreError> {
        let mut transaction = self.transaction().await?;
        // Whoever validates it finds that it is nobody's any more.
        let sql = "UPDATE batches SET status = 'cancelling', cancelling_at = $3, process_id = '' \
                   WHERE id = $1 AND owner = $2 AND status IN ('validating', 'in_progress')";
        let told = sqlx::query(sql).bind(id.to_owned()).bind(owner.as_str().to_owned()).bind(now);
        told.execute(&mut *transaction).await?;
        let row = find(&mut transaction, owner, id).await?;
        transaction.commit().await?;
        Ok(row)
    }
}

async fn find(connection: Connection<'_>, owner: &Owner, id: &str) -> Result<BatchRow, StoreError> {
    let sql = format!("{COLUMNS} WHERE id = $1 AND owner = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql));
    let row = row.bind(id.to_owned()).bind(owner.as_str().to_owned());
    let row = row.fetch_optional(connection).await?;
    let missing = || StoreError::Missing { what: "batch", id: id.to_owned() };
    BatchRow::read(&row.ok_or_else(missing)?)
}
