//! The files of vector stores.
//!
//! A file that is added waits, with what it will cost not yet charged. Whoever takes it away leaves a note, by which its vector is
//! removed from the index later: what is found there and has no row here is nobody's.

use serde_json::Value;
use sqlx::any::AnyRow;

use crate::accounts::new_id;
use crate::database::{Connection, Store, number, optional_text, text};
use crate::error::StoreError;
use crate::files::Order;
use crate::owner::Owner;
use crate::vector_stores::{Walk, find};

/// Files that may be added together.
pub const MOST_FILES_AT_ONCE: usize = 2000;

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// It waits, or is being embedded.
    InProgress,
    /// It is found.
    Completed,
    /// It cannot be.
    Failed,
    /// It was taken back.
    Cancelled,
}

impl FileStatus {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn read(name: &str) -> Self {
        let all = [Self::InProgress, Self::Completed, Self::Failed];
        all.into_iter().find(|status| status.name() == name).unwrap_or(Self::Cancelled)
    }
}

/// Why a file has no vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// `unsupported_file`, `invalid_file` or `server_error`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A file of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFileRow {
    /// What the index calls its vector.
    pub vector_id: String,
    /// The store.
    pub vector_store_id: String,
    /// The file.
    pub file_id: String,
    /// As its owner calls it.
    pub filename: String,
    /// How far it is.
    pub status: FileStatus,
    /// Why it failed.
    pub error: Option<FileError>,
    /// JSON.
    pub attributes: String,
    /// `image` or `text`; empty until that is known.
    pub kind: String,
    /// Of a text: as much as the model reads.
    pub excerpt: String,
    /// Bytes of its vector.
    pub usage_bytes: i64,
    /// The key that pays.
    pub key_id: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

impl StoreFileRow {
    pub(crate) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let error = match (optional_text(row, "error_code")?, optional_text(row, "error_message")?)
        {
            (Some(code), message) => Some(FileError { code, message: message.unwrap_or_default() }),
            (None, _) => None,
        };
        Ok(Self {
            vector_id: text(row, "vector_id")?,
            vector_store_id: text(row, "vector_store_id")?,
            file_id: text(row, "file_id")?,
            filename: text(row, "filename")?,
            status: FileStatus::read(&text(row, "status")?),
            error,
            attributes: text(row, "attributes")?,
            kind: text(row, "kind")?,
            excerpt: text(row, "excerpt")?,
            usage_bytes: number(row, "usage_bytes")?,
            key_id: optional_text(row, "key_id")?,
            created_at: number(row, "created_at")?,
        })
    }
}

/// A file to be added.
#[derive(Clone, Debug, PartialEq)]
pub struct NewStoreFile {
    /// Of the store's owner.
    pub file_id: String,
    /// JSON.
    pub attributes: Value,
}

/// Where a list of files begins and ends.
#[derive(Clone, Debug)]
pub struct StoreFilePage {
    /// Of a batch alone.
    pub batch: Option<String>,
    /// Those that are so far alone.
    pub status: Option<FileStatus>,
    /// The file behind which it begins.
    pub after: Option<String>,
    /// The file before which it ends.
    pub before: Option<String>,
    /// Whether the newest comes first.
    pub order: Order,
    /// How many at most.
    pub most: usize,
}

impl Store {
    /// Adds files, all or none, which counts as being active. One that is there already gets the attributes; one that failed or
    /// was cancelled is tried anew.
    ///
    /// # Errors
    /// When the owner has no such store or file.
    pub async fn add_store_files(
        &self,
        owner: &Owner,
        store: &str,
        key_id: Option<&str>,
        files: &[NewStoreFile],
        now: i64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.transaction().await?;
        find(&mut transaction, owner, store).await?;
        add_files(&mut transaction, owner, store, key_id, files, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A file of a store. Whose the store is was asked before.
    ///
    /// # Errors
    /// When the store has none of this id.
    pub async fn store_file(&self, store: &str, file: &str) -> Result<StoreFileRow, StoreError> {
        let mut connection = self.reader().acquire().await?;
        find_file(&mut connection, store, file).await
    }

    /// Files of a store. Whose the store is was asked before.
    ///
    /// # Errors
    /// When the list is to begin or end at a file that there is not.
    pub async fn store_files(
        &self,
        store: &str,
        page: &StoreFilePage,
    ) -> Result<Vec<StoreFileRow>, StoreError> {
        let mut connection = self.reader().acquire().await?;
        let mut place = async |file: &Option<String>| match file {
            Some(file) => find_file(&mut connection, store, file).await.map(|row| row.vector_id),
            None => Ok(String::new()),
        };
        let (after, before) = (place(&page.after).await?, place(&page.before).await?);
        let walk = Walk::new(page.order, page.before.is_some());
        let sql = format!(
            "SELECT * FROM vector_store_files WHERE vector_store_id = $1 AND ($2 = '' OR status = $2) \
             AND ($3 = '' OR vector_id {} $3) AND ($4 = '' OR vector_id {} $4) \
             AND ($5 = '' OR file_id IN (SELECT b.file_id FROM vector_store_batch_files b WHERE b.batch_id = $5)) \
             ORDER BY vector_id {} LIMIT $6",
            walk.behind, walk.ahead, walk.order
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(store.to_owned())
            .bind(page.status.map_or("", FileStatus::name).to_owned())
            .bind(after)
            .bind(before)
            .bind(page.batch.clone().unwrap_or_default())
            .bind(i64::try_from(page.most).unwrap_or(i64::MAX))
            .fetch_all(self.reader())
            .await?;
        let mut rows = rows.iter().map(StoreFileRow::read).collect::<Result<Vec<_>, _>>()?;
        if walk.is_backwards {
            rows.reverse();
        }
        Ok(rows)
    }

    /// The completed files of a store that have these vectors, in any order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn files_of_vectors(
        &self,
        store: &str,
        vectors: &[&str],
    ) -> Result<Vec<StoreFileRow>, StoreError> {
        let mut found = Vec::with_capacity(vectors.len());
        for vectors in vectors.chunks(500) {
            let places = (0..vectors.len()).map(|place| format!("${}", place + 2));
            let sql = format!(
                "SELECT * FROM vector_store_files WHERE vector_store_id = $1 AND status = 'completed' \
                 AND vector_id IN ({})",
                places.collect::<Vec<_>>().join(", ")
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(store.to_owned());
            for vector in vectors {
                query = query.bind((*vector).to_owned());
            }
            for row in query.fetch_all(self.reader()).await? {
                found.push(StoreFileRow::read(&row)?);
            }
        }
        Ok(found)
    }

    /// Whether a store has files of a kind.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_kind(&self, store: &str, kind: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS one FROM vector_store_files WHERE vector_store_id = $1 AND kind = $2 LIMIT 1";
        let row = sqlx::query(sql).bind(store.to_owned()).bind(kind.to_owned());
        Ok(row.fetch_optional(self.reader()).await?.is_some())
    }

    /// Gives a file other attributes; the index is told later.
    ///
    /// # Errors
    /// When the store has none of this id.
    pub async fn change_store_file(
        &self,
        store: &str,
        file: &str,
        attributes: &Value,
    ) -> Result<StoreFileRow, StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "UPDATE vector_store_files SET attributes = $3, stale = 1 \
                   WHERE vector_store_id = $1 AND file_id = $2";
        sqlx::query(sql)
            .bind(store.to_owned())
            .bind(file.to_owned())
            .bind(attributes.to_string())
            .execute(&mut *transaction)
            .await?;
        let row = find_file(&mut transaction, store, file).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Takes a file out of a store; the file itself stays.
    ///
    /// # Errors
    /// When the store has none of this id.
    pub async fn remove_store_file(&self, store: &str, file: &str) -> Result<(), StoreError> {
        let mut transaction = self.transaction().await?;
        let row = find_file(&mut transaction, store, file).await?;
        remove(&mut transaction, &row).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Adds files within a transaction, in which the store was found.
pub(crate) async fn add_files(
    connection: Connection<'_>,
    owner: &Owner,
    store: &str,
    key_id: Option<&str>,
    files: &[NewStoreFile],
    now: i64,
) -> Result<(), StoreError> {
    for new in files {
        let sql = "SELECT filename FROM files WHERE id = $1 AND owner = $2 \
                   AND (expires_at IS NULL OR expires_at > $3)";
        let row = sqlx::query(sql)
            .bind(new.file_id.clone())
            .bind(owner.as_str().to_owned())
            .bind(now)
            .fetch_optional(&mut *connection)
            .await?;
        let absent = || StoreError::Missing { what: "file", id: new.file_id.clone() };
        let filename = text(&row.ok_or_else(absent)?, "filename")?;
        if let Ok(known) = find_file(&mut *connection, store, &new.file_id).await {
            if matches!(known.status, FileStatus::InProgress | FileStatus::Completed) {
                let sql =
                    "UPDATE vector_store_files SET attributes = $2, stale = 1 WHERE vector_id = $1";
                let changed = sqlx::query(sql).bind(known.vector_id);
                changed.bind(new.attributes.to_string()).execute(&mut *connection).await?;
                continue;
            }
            remove(&mut *connection, &known).await?;
        }
        let sql = "INSERT INTO vector_store_files (vector_id, vector_store_id, file_id, filename, status, attributes, \
                   key_id, created_at) VALUES ($1, $2, $3, $4, 'in_progress', $5, $6, $7)";
        sqlx::query(sql)
            .bind(new_id("vec"))
            .bind(store.to_owned())
            .bind(new.file_id.clone())
            .bind(filename)
            .bind(new.attributes.to_string())
            .bind(key_id.map(str::to_owned))
            .bind(now)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Takes a file that is to be deleted out of all stores: those of its owner, which it alone can be in.
pub(crate) async fn leave_stores(
    connection: Connection<'_>,
    file: &str,
    owner: Option<&Owner>,
) -> Result<(), StoreError> {
    let sql = "SELECT f.* FROM vector_store_files f JOIN vector_stores s ON s.id = f.vector_store_id \
               WHERE f.file_id = $1 AND ($2 = 0 OR s.owner = $3)";
    let rows = sqlx::query(sql)
        .bind(file.to_owned())
        .bind(i64::from(owner.is_some()))
        .bind(owner.map_or("", Owner::as_str).to_owned())
        .fetch_all(&mut *connection)
        .await?;
    for row in &rows {
        remove(&mut *connection, &StoreFileRow::read(row)?).await?;
    }
    Ok(())
}

/// Takes all files out of a store whose indexes are forgotten as a whole.
pub(crate) async fn empty_store(connection: Connection<'_>, store: &str) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM vector_store_files WHERE vector_store_id = $1",
        "DELETE FROM vector_store_batches WHERE vector_store_id = $1",
    ] {
        sqlx::query(sql).bind(store.to_owned()).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn remove(connection: Connection<'_>, row: &StoreFileRow) -> Result<(), StoreError> {
    let sql = "DELETE FROM vector_store_files WHERE vector_id = $1";
    sqlx::query(sql).bind(row.vector_id.clone()).execute(&mut *connection).await?;
    let sql = "INSERT INTO vector_store_removals (vector_store_id, index_number, vector_id) \
               VALUES ($1, 0, $2) ON CONFLICT DO NOTHING";
    let note = sqlx::query(sql).bind(row.vector_store_id.clone()).bind(row.vector_id.clone());
    note.execute(connection).await?;
    Ok(())
}

async fn find_file(
    connection: Connection<'_>,
    store: &str,
    file: &str,
) -> Result<StoreFileRow, StoreError> {
    let sql = "SELECT * FROM vector_store_files WHERE vector_store_id = $1 AND file_id = $2";
    let row = sqlx::query(sql).bind(store.to_owned()).bind(file.to_owned());
    let row = row.fetch_optional(connection).await?;
    let absent = || StoreError::Missing { what: "file of the vector store", id: file.to_owned() };
    StoreFileRow::read(&row.ok_or_else(absent)?)
}
