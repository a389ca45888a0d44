//! People's files: which there are, whose they are, and which objects in storage they need.
//!
//! An upload is announced before its first byte, so that whatever a process leaves when it dies is known. The file, what it
//! takes of its owner's room and the object become visible in one transaction. Equal contents share an object, counted on the
//! blob's row, which every transaction that adds or ends a need locks: an object that somebody has just come to need is not
//! removed, and one that is being removed is needed by nobody, since a later upload of the same contents has a name of its own.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::accounts::new_id;
use crate::blobs::Written;
use crate::database::{Connection, Store, number, optional_number, text};
use crate::error::StoreError;
use crate::owner::Owner;
use crate::processes::Process;
use crate::store_files::leave_stores;

/// Files that one call lets vanish.
const VANISHING: i64 = 500;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// `file-…`.
    pub id: String,
    /// As its owner calls it.
    pub filename: String,
    /// What it is for.
    pub purpose: String,
    /// 64 hexadecimal digits.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// From when on it is gone.
    pub expires_at: Option<i64>,
    /// The name of its bytes in storage.
    pub object: String,
}

impl FileRow {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: text(row, "id")?,
            filename: text(row, "filename")?,
            purpose: text(row, "purpose")?,
            sha256: text(row, "sha256")?,
            bytes: number(row, "bytes")?.unsigned_abs(),
            created_at: number(row, "created_at")?,
            expires_at: optional_number(row, "expires_at")?,
            object: text(row, "object")?,
        })
    }
}

/// A file to be.
#[derive(Clone, Debug)]
pub struct NewFile<'a> {
    /// Whose it is.
    pub owner: &'a Owner,
    /// As its owner calls it.
    pub filename: &'a str,
    /// What it is for.
    pub purpose: &'a str,
    /// What was written, and under which name.
    pub written: &'a Written,
    /// The name in storage.
    pub object: &'a str,
    /// From when on it is gone.
    pub expires_at: Option<i64>,
    /// The most that its owner's files may take together.
    pub quota: Option<u64>,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// Which files are listed.
#[derive(Clone, Debug)]
pub struct FileFilter<'a> {
    /// Of this purpose alone.
    pub purpose: Option<&'a str>,
    /// Those behind the file of this id.
    pub after: Option<&'a str>,
    /// Whether the oldest comes first.
    pub order: Order,
    /// How many.
    pub limit: u32,
}

/// Which comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest.
    Ascending,
    /// The newest.
    Descending,
}

/// What is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Files that their owners see.
    pub files: u64,
    /// What they take in storage, equal contents once.
    pub bytes: u64,
}

const COLUMNS: &str =
    "SELECT files.*, blobs.object FROM files JOIN blobs ON blobs.sha256 = files.sha256";

impl Store {
    /// Announces an object that a process is about to write; gives its name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn announce_object(&self, process: &Process, now: i64) -> Result<String, StoreError> {
        let id = uuid::Uuid::now_v7().simple().to_string();
        let object = format!("{}/{id}", &id[id.len() - 2..]);
        let sql = "INSERT INTO loose_objects (object, process_id, created_at) VALUES ($1, $2, $3)";
        let done = sqlx::query(sql).bind(object.clone()).bind(process.id.clone()).bind(now);
        // On the disk before the object: else nobody would know of it.
        done.execute(self.writer()).await?;
        Ok(object)
    }

    /// Says that nobody writes or needs an announced object.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_up_object(&self, object: &str) -> Result<(), StoreError> {
        let sql = "UPDATE loose_objects SET process_id = '' WHERE object = $1";
        sqlx::query(sql).bind(object.to_owned()).execute(self.quick_writer()).await?;
        Ok(())
    }

    /// Makes a file of an object that was written.
    ///
    /// # Errors
    /// When the owner's files would take more than they may, or the object was given up because its process seemed dead.
    pub async fn create_file(
        &self,
        process: &Process,
        new: &NewFile<'_>,
    ) -> Result<FileRow, StoreError> {
        let mut transaction = self.transaction().await?;
        let row = insert_file(&mut transaction, process, new).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// A file of an owner that has not vanished.
    ///
    /// # Errors
    /// When there is none.
    pub async fn file(&self, owner: &Owner, id: &str, now: i64) -> Result<FileRow, StoreError> {
        let sql = format!(
            "{COLUMNS} WHERE files.id = $1 AND owner = $2 AND (expires_at IS NULL OR expires_at > $3)"
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id.to_owned())
            .bind(owner.as_str().to_owned())
            .bind(now)
            .fetch_optional(self.reader())
            .await?;
        row.as_ref().map(FileRow::read).transpose()?.ok_or_else(|| missing(id))
    }

    /// The files of an owner.
    ///
    /// # Errors
    /// When the list is to begin behind a file that there is not.
    pub async fn files(
        &self,
        owner: &Owner,
        filter: &FileFilter<'_>,
        now: i64,
    ) -> Result<Vec<FileRow>, StoreError> {
        let (compare, order) = match filter.order {
            Order::Ascending => (">", "ASC"),
            Order::Descending => ("<", "DESC"),
        };
        let after = match filter.after {
            Some(id) => self.file(owner, id, now).await.map(Some)?,
            None => None,
        };
        let sql = format!(
            "{COLUMNS} WHERE owner = $1 AND (expires_at IS NULL OR expires_at > $2) \
             AND ($3 = '' OR purpose = $3) \
             AND ($4 = '' OR created_at {compare} $5 OR (created_at = $5 AND id {compare} $4)) \
             ORDER BY created_at {order}, id {order} LIMIT $6"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(owner.as_str().to_owned())
            .bind(now)
            .bind(filter.purpose.unwrap_or_default().to_owned())
            .bind(after.as_ref().map_or_else(String::new, |file| file.id.clone()))
            .bind(after.as_ref().map_or(0, |file| file.created_at))
            .bind(i64::from(filter.limit))
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(FileRow::read).collect()
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// When the owner has none of this id.
    pub async fn delete_file(&self, owner: &Owner, id: &str, now: i64) -> Result<(), StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "DELETE FROM files WHERE id = $1 AND owner = $2 \
                   AND (expires_at IS NULL OR expires_at > $3) RETURNING owner, sha256, bytes";
        leave_stores(&mut transaction, id, Some(owner)).await?;
        let row = sqlx::query(sql).bind(id.to_owned()).bind(owner.as_str().to_owned()).bind(now);
        let row = row.fetch_optional(&mut *transaction).await?.ok_or_else(|| missing(id))?;
        forget(&mut transaction, &row, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes files whose time is over; gives how many, a few hundred at most.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn expire_files(&self, now: i64) -> Result<usize, StoreError> {
        let sql = "SELECT id FROM files WHERE expires_at <= $1 LIMIT $2";
        let ids = sqlx::query(sql).bind(now).bind(VANISHING).fetch_all(self.reader()).await?;
        for id in &ids {
            let mut transaction = self.transaction().await?;
            let id = text(id, "id")?;
            leave_stores(&mut transaction, &id, None).await?;
            let sql = "DELETE FROM files WHERE id = $1 RETURNING owner, sha256, bytes";
            let row = sqlx::query(sql).bind(id);
            // Another server may have been faster.
            if let Some(row) = row.fetch_optional(&mut *transaction).await? {
                forget(&mut transaction, &row, now).await?;
            }
            transaction.commit().await?;
        }
        Ok(ids.len())
    }

    /// What an owner's files take together.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn file_usage(&self, owner: &Owner) -> Result<u64, StoreError> {
        let sql = "SELECT bytes FROM file_usage WHERE owner = $1";
        let row = sqlx::query(sql).bind(owner.as_str().to_owned());
        let row = row.fetch_optional(self.reader()).await?;
        Ok(row.map(|row| number(&row, "bytes")).transpose()?.unwrap_or(0).unsigned_abs())
    }

    /// Everything that is stored.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stored(&self) -> Result<Stored, StoreError> {
        let sql = "SELECT (SELECT COUNT(*) FROM files) AS files, \
                   (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM blobs) AS bytes";
        let row = sqlx::query(sql).fetch_one(self.reader()).await?;
        let count = |column| number(&row, column).map(i64::unsigned_abs);
        Ok(Stored { files: count("files")?, bytes: count("bytes")? })
    }

    /// Objects that nobody needs, or that a process was writing whose last beat was before a moment. From now on no such
    /// process can make a file of one: they may be removed, and then [forgotten](Self::forget_object).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn loose_objects(
        &self,
        alive: &Process,
        beat_before: i64,
    ) -> Result<Vec<String>, StoreError> {
        let sql = "UPDATE loose_objects SET process_id = '' WHERE process_id <> '' AND process_id <> $1 \
                   AND NOT EXISTS (SELECT 1 FROM processes \
                   WHERE processes.id = process_id AND beat_at >= $2)";
        sqlx::query(sql).bind(alive.id.clone()).bind(beat_before).execute(self.writer()).await?;
        let sql = "SELECT object FROM loose_objects WHERE process_id = '' LIMIT 1000";
        let rows = sqlx::query(sql).fetch_all(self.reader()).await?;
        rows.iter().map(|row| text(row, "object")).collect()
    }

    /// Forgets an object that was removed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_object(&self, object: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM loose_objects WHERE object = $1 AND process_id = ''";
        sqlx::query(sql).bind(object.to_owned()).execute(self.quick_writer()).await?;
        Ok(())
    }
}

/// Makes a file within a transaction.
pub(crate) async fn insert_file(
    connection: Connection<'_>,
    process: &Process,
    new: &NewFile<'_>,
) -> Result<FileRow, StoreError> {
    let sql = "DELETE FROM loose_objects WHERE object = $1 AND process_id = $2";
    let announced = sqlx::query(sql).bind(new.object.to_owned()).bind(process.id.clone());
    if announced.execute(&mut *connection).await?.rows_affected() == 0 {
        return Err(StoreError::UploadLost);
    }
    take_room(&mut *connection, new).await?;
    let bytes = i64::try_from(new.written.bytes).unwrap_or(i64::MAX);
    let sql = "INSERT INTO blobs (sha256, object, bytes, needed) VALUES ($1, $2, $3, 1) \
               ON CONFLICT (sha256) DO UPDATE SET needed = blobs.needed + 1 RETURNING object";
    let row = sqlx::query(sql)
        .bind(new.written.sha256.clone())
        .bind(new.object.to_owned())
        .bind(bytes)
        .fetch_one(&mut *connection)
        .await?;
    let object = text(&row, "object")?;
    if object != new.object {
        // The same is there already.
        loosen(&mut *connection, new.object.to_owned(), new.now).await?;
    }
    let file = FileRow {
        id: new_id("file").replacen('_', "-", 1),
        filename: new.filename.to_owned(),
        purpose: new.purpose.to_owned(),
        sha256: new.written.sha256.clone(),
        bytes: new.written.bytes,
        created_at: new.now,
        expires_at: new.expires_at,
        object,
    };
    let sql = "INSERT INTO files (id, owner, filename, purpose, sha256, bytes, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(sql)
        .bind(file.id.clone())
        .bind(new.owner.as_str().to_owned())
        .bind(file.filename.clone())
        .bind(file.purpose.clone())
        .bind(file.sha256.clone())
        .bind(bytes)
        .bind(file.created_at)
        .bind(file.expires_at)
        .execute(&mut *connection)
        .await?;
    Ok(file)
}

/// Counts the file against its owner's room.
async fn take_room(connection: Connection<'_>, new: &NewFile<'_>) -> Result<(), StoreError> {
    let owner = new.owner.as_str();
    let bytes = i64::try_from(new.written.bytes).unwrap_or(i64::MAX);
    let quota = new.quota.map_or(i64::MAX, |quota| i64::try_from(quota).unwrap_or(i64::MAX));
    let sql = "INSERT INTO file_usage (owner, bytes) VALUES ($1, 0) ON CONFLICT (owner) DO NOTHING";
    sqlx::query(sql).bind(owner.to_owned()).execute(&mut *connection).await?;
    let sql = "UPDATE file_usage SET bytes = bytes + $2 WHERE owner = $1 AND bytes <= $3 - $2";
    let done = sqlx::query(sql).bind(owner.to_owned()).bind(bytes).bind(quota);
    if done.execute(&mut *connection).await?.rows_affected() == 1 {
        return Ok(());
    }
    let row = sqlx::query("SELECT bytes FROM file_usage WHERE owner = $1").bind(owner.to_owned());
    let used = number(&row.fetch_one(connection).await?, "bytes")?.unsigned_abs();
    Err(StoreError::NoRoom { needed: new.written.bytes, used, quota: quota.unsigned_abs() })
}

/// What a deleted file no longer needs.
async fn forget(connection: Connection<'_>, file: &AnyRow, now: i64) -> Result<(), StoreError> {
    let sql = "UPDATE file_usage SET bytes = bytes - $2 WHERE owner = $1";
    let usage = sqlx::query(sql).bind(text(file, "owner")?).bind(number(file, "bytes")?);
    usage.execute(&mut *connection).await?;
    release_blob(connection, text(file, "sha256")?, now).await
}

/// Ends a need of a blob; the last one's object becomes loose.
pub(crate) async fn release_blob(
    connection: Connection<'_>,
    sha256: String,
    now: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE blobs SET needed = needed - 1 WHERE sha256 = $1 AND needed > 1";
    let kept = sqlx::query(sql).bind(sha256.clone()).execute(&mut *connection).await?;
    if kept.rows_affected() == 1 {
        return Ok(());
    }
    let sql = "DELETE FROM blobs WHERE sha256 = $1 RETURNING object";
    let row = sqlx::query(sql).bind(sha256).fetch_one(&mut *connection).await?;
    loosen(connection, row.try_get("object")?, now).await
}

async fn loosen(connection: Connection<'_>, object: String, now: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO loose_objects (object, process_id, created_at) VALUES ($1, '', $2)";
    sqlx::query(sql).bind(object).bind(now).execute(connection).await?;
    Ok(())
}

fn missing(id: &str) -> StoreError {
    StoreError::Missing { what: "file", id: id.to_owned() }
}
