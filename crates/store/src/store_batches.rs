//! Files that were added to a vector store together.

use sqlx::any::AnyRow;

use crate::accounts::new_id;
use crate::database::{Connection, Store, number, optional_number, text};
use crate::error::StoreError;
use crate::owner::Owner;
use crate::store_files::{NewStoreFile, add_files};
use crate::vector_stores::{FileCounts, find};

/// Files that were added together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileBatchRow {
    /// `vsfb_…`.
    pub id: String,
    /// The store.
    pub vector_store_id: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When what waited was taken back.
    pub cancelled_at: Option<i64>,
    /// How far its files are that are still in the store.
    pub counts: FileCounts,
}

impl Store {
    /// Adds files together; see [`add_store_files`](Self::add_store_files).
    ///
    /// # Errors
    /// When the owner has no such store or file; nothing is added then.
    pub async fn create_store_batch(
        &self,
        owner: &Owner,
        store: &str,
        key_id: Option<&str>,
        files: &[NewStoreFile],
        now: i64,
    ) -> Result<FileBatchRow, StoreError> {
        let mut transaction = self.transaction().await?;
        find(&mut transaction, owner, store).await?;
        add_files(&mut transaction, owner, store, key_id, files, now).await?;
        let id = new_id("vsfb");
        let sql = "INSERT INTO vector_store_batches (id, vector_store_id, created_at) VALUES ($1, $2, $3)";
        let made = sqlx::query(sql).bind(id.clone()).bind(store.to_owned()).bind(now);
        made.execute(&mut *transaction).await?;
        for file in files {
            let sql = "INSERT INTO vector_store_batch_files (batch_id, file_id) VALUES ($1, $2) \
                       ON CONFLICT DO NOTHING";
            let member = sqlx::query(sql).bind(id.clone()).bind(file.file_id.clone());
            member.execute(&mut *transaction).await?;
        }
        let row = find_batch(&mut transaction, store, &id).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// A batch of a store. Whose the store is was asked before.
    ///
    /// # Errors
    /// When the store has none of this id.
    pub async fn store_batch(&self, store: &str, id: &str) -> Result<FileBatchRow, StoreError> {
        let mut connection = self.reader().acquire().await?;
        find_batch(&mut connection, store, id).await
    }

    /// Takes back the files of a batch that wait.
    ///
    /// # Errors
    /// When the store has none of this id.
    pub async fn cancel_store_batch(
        &self,
        store: &str,
        id: &str,
        now: i64,
    ) -> Result<FileBatchRow, StoreError> {
        let mut transaction = self.transaction().await?;
        let before = find_batch(&mut transaction, store, id).await?;
        if before.counts.in_progress > 0 {
            let waiting = "WHERE vector_store_id = $1 AND status = 'in_progress' AND file_id IN \
                           (SELECT b.file_id FROM vector_store_batch_files b WHERE b.batch_id = $2)";
            for sql in [
                // Those that are being embedded may be in the index already.
                format!(
                    "INSERT INTO vector_store_removals (vector_store_id, index_number, vector_id) \
                     SELECT vector_store_id, 0, vector_id FROM vector_store_files {waiting} ON CONFLICT DO NOTHING"
                ),
                format!(
                    "UPDATE vector_store_files SET status = 'cancelled', process_id = '' {waiting}"
                ),
            ] {
                let taken = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(store.to_owned());
                taken.bind(id.to_owned()).execute(&mut *transaction).await?;
            }
            let sql = "UPDATE vector_store_batches SET cancelled_at = COALESCE(cancelled_at, $2) WHERE id = $1";
            sqlx::query(sql).bind(id.to_owned()).bind(now).execute(&mut *transaction).await?;
        }
        let row = find_batch(&mut transaction, store, id).await?;
        transaction.commit().await?;
        Ok(row)
    }
}

async fn find_batch(
    connection: Connection<'_>,
    store: &str,
    id: &str,
) -> Result<FileBatchRow, StoreError> {
    let sql = "SELECT * FROM vector_store_batches WHERE id = $1 AND vector_store_id = $2";
    let row = sqlx::query(sql).bind(id.to_owned()).bind(store.to_owned());
    let row = row.fetch_optional(&mut *connection).await?;
    let absent = || StoreError::Missing { what: "file batch", id: id.to_owned() };
    let row: AnyRow = row.ok_or_else(absent)?;
    let sql = "SELECT f.status, COUNT(*) AS count, CAST(COALESCE(SUM(f.usage_bytes), 0) AS BIGINT) AS bytes \
               FROM vector_store_batch_files b \
               JOIN vector_store_files f ON f.vector_store_id = $1 AND f.file_id = b.file_id \
               WHERE b.batch_id = $2 GROUP BY f.status";
    let rows = sqlx::query(sql).bind(store.to_owned()).bind(id.to_owned());
    let mut counts = FileCounts::default();
    rows.fetch_all(connection).await?.iter().try_for_each(|row| counts.add(row))?;
    Ok(FileBatchRow {
        id: text(&row, "id")?,
        vector_store_id: text(&row, "vector_store_id")?,
        created_at: number(&row, "created_at")?,
        cancelled_at: optional_number(&row, "cancelled_at")?,
        counts,
    })
}
