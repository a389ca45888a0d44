//! What has to be done for vector stores in the background: files to be embedded, indexes to be told, vectors to be removed.
//!
//! A file is claimed by a process, for as long as that is alive. Its row and its price change in one transaction, so that it is
//! charged when it is found and not otherwise; the hold has the vector's id, which stands in one transfer only. Whoever dies in
//! between leaves a row that waits and a vector in the index that nobody sees, and the next one does it over.

use ledger::{Hold, Open};
use sqlx::any::AnyRow;

use crate::database::{Connection, Store, number, text};
use crate::error::StoreError;
use crate::holds::{Charge, settle_within};
use crate::owner::Owner;
use crate::processes::Process;
use crate::store_files::{FileError, StoreFileRow};
use crate::vector_stores::{VectorStoreRow, find, forget_indexes};

/// Notes that are followed together.
const REMOVALS: i64 = 1000;

/// A file that a process works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The file in its store.
    pub row: StoreFileRow,
    /// Its bytes in storage.
    pub object: String,
    /// How many they are.
    pub bytes: u64,
}

impl Claimed {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            row: StoreFileRow::read(row)?,
            object: text(row, "object")?,
            bytes: number(row, "bytes")?.unsigned_abs(),
        })
    }
}

/// A vector that is in an index now.
#[derive(Clone, Copy, Debug)]
pub struct Completion<'a> {
    /// Whose.
    pub row: &'a StoreFileRow,
    /// The index that it was put into.
    pub index_number: i64,
    /// `image` or `text`.
    pub kind: &'a str,
    /// Of a text: as much as the model reads.
    pub excerpt: &'a str,
    /// Bytes of the vector.
    pub usage_bytes: i64,
}

/// What it costs.
#[derive(Debug)]
pub struct Payment<'a> {
    /// What was set aside.
    pub hold: Hold<Open>,
    /// What of it is charged.
    pub charge: Charge<'a>,
}

/// What became of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its file is found, and was charged.
    Kept,
    /// Nobody wants it any more: the file was taken away, or the store has another index now. Nothing was charged.
    Unwanted,
}

/// What an index may have and nobody needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The store.
    pub vector_store_id: String,
    /// 0: all of the store's.
    pub index_number: i64,
    /// Empty: all of the index.
    pub vector_id: String,
}

const WITH_BYTES: &str = "SELECT f.*, blobs.object, files.bytes FROM vector_store_files f \
                          JOIN files ON files.id = f.file_id JOIN blobs ON blobs.sha256 = files.sha256 ";

impl Store {
    /// Stores for which something has to be done.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stores_with_work(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT vector_store_id AS id FROM vector_store_files WHERE status = 'in_progress' \
                   UNION SELECT vector_store_id AS id FROM vector_store_files WHERE stale = 1 \
                   UNION SELECT vector_store_id AS id FROM vector_store_removals \
                   UNION SELECT id FROM vector_stores WHERE next_number IS NOT NULL";
        let rows = sqlx::query(sql).fetch_all(self.reader()).await?;
        rows.iter().map(|row| text(row, "id")).collect()
    }

    /// Takes files of a store that wait and that no process works on which beat since a moment; the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim_store_files(
        &self,
        process: &Process,
        store: &str,
        most: usize,
        beat_since: i64,
    ) -> Result<Vec<Claimed>, StoreError> {
        let free = "(process_id = '' OR (process_id <> $1 AND NOT EXISTS \
                    (SELECT 1 FROM processes WHERE processes.id = process_id AND beat_at >= $3)))";
        let sql = format!(
            "UPDATE vector_store_files SET process_id = $1 WHERE status = 'in_progress' AND {free} AND vector_id IN \
             (SELECT vector_id FROM vector_store_files WHERE vector_store_id = $2 AND status = 'in_progress' AND {free} \
             ORDER BY vector_id LIMIT $4)"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(process.id.clone())
            .bind(store.to_owned())
            .bind(beat_since)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .execute(self.quick_writer())
            .await?;
        let sql = format!(
            "{WITH_BYTES} WHERE f.vector_store_id = $1 AND f.status = 'in_progress' AND f.process_id = $2 \
             ORDER BY f.vector_id LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(store.to_owned())
            .bind(process.id.clone())
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(Claimed::read).collect()
    }

    /// Lets a file wait again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_back_store_file(&self, vector: &str) -> Result<(), StoreError> {
        let sql = "UPDATE vector_store_files SET process_id = '' WHERE vector_id = $1";
        sqlx::query(sql).bind(vector.to_owned()).execute(self.quick_writer()).await?;
        Ok(())
    }

    /// The attributes of a file that is still wanted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn store_file_attributes(&self, vector: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT attributes FROM vector_store_files WHERE vector_id = $1";
        let row = sqlx::query(sql).bind(vector.to_owned()).fetch_optional(self.reader()).await?;
        row.as_ref().map(|row| text(row, "attributes")).transpose()
    }

    /// Lets a file whose vector is in the index be found, and charges it: both or neither.
    ///
    /// # Errors
    /// When the database does not answer, or the hold was given back because its process seemed dead.
    pub async fn complete_store_file(
        &self,
        done: &Completion<'_>,
        payment: Option<Payment<'_>>,
    ) -> Result<Outcome, StoreError> {
        let mut transaction = self.charging().await?;
        let is_wanted = mark_completed(&mut transaction, done).await?;
        self.pay(transaction, is_wanted, payment).await
    }

    /// The same for the index of another model.
    ///
    /// # Errors
    /// Those of [`complete_store_file`](Self::complete_store_file).
    pub async fn complete_moved_file(
        &self,
        done: &Completion<'_>,
        payment: Option<Payment<'_>>,
    ) -> Result<Outcome, StoreError> {
        let mut transaction = self.charging().await?;
        let sql = "UPDATE vector_store_files SET reindexed = $2 WHERE vector_id = $1 AND status = 'completed' \
                   AND EXISTS (SELECT 1 FROM vector_stores WHERE id = vector_store_id AND next_number = $2)";
        let moved = sqlx::query(sql).bind(done.row.vector_id.clone()).bind(done.index_number);
        let is_wanted = moved.execute(&mut *transaction).await?.rows_affected() == 1;
        self.pay(transaction, is_wanted, payment).await
    }

    async fn pay(
        &self,
        mut transaction: sqlx::Transaction<'static, sqlx::Any>,
        is_wanted: bool,
        payment: Option<Payment<'_>>,
    ) -> Result<Outcome, StoreError> {
        if !is_wanted {
            transaction.rollback().await?;
            if let Some(payment) = payment {
                self.release(payment.hold).await?;
            }
            return Ok(Outcome::Unwanted);
        }
        if let Some(Payment { hold, charge }) = payment {
            settle_within(&mut transaction, hold, &charge, None).await?;
        }
        transaction.commit().await?;
        Ok(Outcome::Kept)
    }

    /// Notes that a file cannot have a vector.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fail_store_file(&self, vector: &str, error: &FileError) -> Result<(), StoreError> {
        let sql = "UPDATE vector_store_files SET status = 'failed', error_code = $2, error_message = $3, process_id = '' \
                   WHERE vector_id = $1 AND status = 'in_progress'";
        sqlx::query(sql)
            .bind(vector.to_owned())
            .bind(error.code.clone())
            .bind(error.message.clone())
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Files of a store whose attributes the index may not know yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stale_store_files(
        &self,
        store: &str,
        most: usize,
    ) -> Result<Vec<StoreFileRow>, StoreError> {
        let sql =
            "SELECT * FROM vector_store_files WHERE vector_store_id = $1 AND stale = 1 LIMIT $2";
        let rows = sqlx::query(sql)
            .bind(store.to_owned())
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(StoreFileRow::read).collect()
    }

    /// Notes that the index knows these attributes of a file, unless it has others again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn freshen_store_file(&self, row: &StoreFileRow) -> Result<(), StoreError> {
        let sql =
            "UPDATE vector_store_files SET stale = 0 WHERE vector_id = $1 AND attributes = $2";
        let fresh = sqlx::query(sql).bind(row.vector_id.clone()).bind(row.attributes.clone());
        fresh.execute(self.writer()).await?;
        Ok(())
    }

    /// What has to be removed from the indexes of a store.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn store_removals(&self, store: &str) -> Result<Vec<Removal>, StoreError> {
        let sql = "SELECT * FROM vector_store_removals WHERE vector_store_id = $1 \
                   ORDER BY vector_id, index_number LIMIT $2";
        let rows = sqlx::query(sql).bind(store.to_owned()).bind(REMOVALS);
        let removal = |row: &AnyRow| {
            Ok(Removal {
                vector_store_id: text(row, "vector_store_id")?,
                index_number: number(row, "index_number")?,
                vector_id: text(row, "vector_id")?,
            })
        };
        rows.fetch_all(self.reader()).await?.iter().map(removal).collect()
    }

    /// Forgets what was removed; with a whole store everything about it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_removals(&self, done: &[Removal]) -> Result<(), StoreError> {
        let mut transaction = self.quick_transaction().await?;
        for removal in done {
            let is_store = removal.index_number == 0 && removal.vector_id.is_empty();
            let sql = "DELETE FROM vector_store_removals WHERE vector_store_id = $1 \
                       AND ($4 = 1 OR index_number = $2 AND vector_id = $3)";
            sqlx::query(sql)
                .bind(removal.vector_store_id.clone())
                .bind(removal.index_number)
                .bind(removal.vector_id.clone())
                .bind(i64::from(is_store))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Begins to move a store to another model; a work of this kind that goes on is given up.
    ///
    /// # Errors
    /// When the owner has no such store.
    pub async fn begin_reindex(
        &self,
        owner: &Owner,
        id: &str,
        next: &crate::NextIndex,
        now: i64,
    ) -> Result<VectorStoreRow, StoreError> {
        let mut transaction = self.transaction().await?;
        let before = find(&mut transaction, owner, id).await?;
        if let Some(given_up) = &before.next {
            forget_indexes(&mut transaction, id, given_up.number).await?;
        }
        let sql = "UPDATE vector_stores SET indexes = indexes + 1, next_number = indexes + 1, next_model = $2, \
                   next_fingerprint = $3, next_dimensions = $4, next_key_id = $5, reindex_error = NULL, \
                   last_active_at = $6 WHERE id = $1";
        sqlx::query(sql)
            .bind(id.to_owned())
            .bind(next.model.clone())
            .bind(next.fingerprint.clone())
            .bind(i64::try_from(next.dimensions).unwrap_or(i64::MAX))
            .bind(next.key_id.clone())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        let row = find(&mut transaction, owner, id).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Completed files that the index of another model does not have yet, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn files_to_move(
        &self,
        store: &str,
        number: i64,
        most: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        let sql = format!(
            "{WITH_BYTES} WHERE f.vector_store_id = $1 AND f.status = 'completed' AND f.reindexed <> $2 \
             ORDER BY f.vector_id LIMIT $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(store.to_owned())
            .bind(number)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(Claimed::read).collect()
    }

    /// How many completed files the index of another model has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn files_moved(&self, store: &str, number: i64) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) AS count FROM vector_store_files \
                   WHERE vector_store_id = $1 AND status = 'completed' AND reindexed = $2";
        let row = sqlx::query(sql).bind(store.to_owned()).bind(number);
        crate::database::number(&row.fetch_one(self.reader()).await?, "count")
    }

    /// Lets the index of another model answer from now on, if it has every file; gives whether it does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn finish_reindex(&self, store: &VectorStoreRow) -> Result<bool, StoreError> {
        let Some(next) = &store.next else { return Ok(false) };
        let mut transaction = self.transaction().await?;
        // Files are completed behind this lock.
        let sql = "UPDATE vector_stores SET last_active_at = last_active_at WHERE id = $1 AND next_number = $2";
        let locked = sqlx::query(sql).bind(store.id.clone()).bind(next.number);
        if locked.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let sql = "UPDATE vector_stores SET index_number = next_number, model = next_model, \
                   fingerprint = next_fingerprint, dimensions = next_dimensions, next_number = NULL, next_model = NULL, \
                   next_fingerprint = NULL, next_dimensions = NULL, next_key_id = NULL WHERE id = $1 AND NOT EXISTS \
                   (SELECT 1 FROM vector_store_files WHERE vector_store_id = $1 AND status = 'completed' \
                   AND reindexed <> $2)";
        let switched = sqlx::query(sql).bind(store.id.clone()).bind(next.number);
        if switched.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        let sql = "UPDATE vector_store_files SET usage_bytes = $2 \
                   WHERE vector_store_id = $1 AND status = 'completed'";
        let bytes = i64::try_from(next.dimensions * 4).unwrap_or(i64::MAX);
        sqlx::query(sql).bind(store.id.clone()).bind(bytes).execute(&mut *transaction).await?;
        forget_indexes(&mut transaction, &store.id, store.index_number).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives up moving a store to another model.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_up_reindex(
        &self,
        store: &str,
        number: i64,
        why: &str,
    ) -> Result<(), StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "UPDATE vector_stores SET next_number = NULL, next_model = NULL, next_fingerprint = NULL, \
                   next_dimensions = NULL, next_key_id = NULL, reindex_error = $3 WHERE id = $1 AND next_number = $2";
        let given_up = sqlx::query(sql).bind(store.to_owned()).bind(number).bind(why.to_owned());
        if given_up.execute(&mut *transaction).await?.rows_affected() == 1 {
            forget_indexes(&mut transaction, store, number).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Whether the file still waits and the store still has the index.
async fn mark_completed(
    connection: Connection<'_>,
    done: &Completion<'_>,
) -> Result<bool, StoreError> {
    // A lock: the store gets no other index before this is done.
    let sql = "UPDATE vector_stores SET last_active_at = last_active_at \
               WHERE id = $1 AND index_number = $2 AND expired = 0";
    let locked = sqlx::query(sql).bind(done.row.vector_store_id.clone()).bind(done.index_number);
    if locked.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let sql = "UPDATE vector_store_files SET status = 'completed', kind = $2, excerpt = $3, usage_bytes = $4, \
               process_id = '' WHERE vector_id = $1 AND status = 'in_progress'";
    let completed = sqlx::query(sql)
        .bind(done.row.vector_id.clone())
        .bind(done.kind.to_owned())
        .bind(done.excerpt.to_owned())
        .bind(done.usage_bytes)
        .execute(connection)
        .await?;
    Ok(completed.rows_affected() == 1)
}
