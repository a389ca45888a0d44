//! Vector stores: whose they are, which model they are of, and when they end.
//!
//! The vectors are in indexes (`index::VectorIndex`), of which a store has one, and two while it is being moved to another model.
//! What a store has is said by its files' rows alone: a vector that no row names is no result and goes away (`store_work.rs`).

use serde_json::Value;
use sqlx::any::AnyRow;

use crate::accounts::new_id;
use crate::database::{Connection, Store, number, optional_number, optional_text, text};
use crate::error::StoreError;
use crate::files::Order;
use crate::owner::Owner;
use crate::store_files::{NewStoreFile, add_files, empty_store};

/// Vector stores of an owner.
pub const MOST_VECTOR_STORES: i64 = 1000;

/// Milliseconds.
const DAY: i64 = 86_400_000;

/// A store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorStoreRow {
    /// `vs_…`.
    pub id: String,
    /// Whose it is.
    pub owner: Owner,
    /// What people call it; may be empty.
    pub name: String,
    /// JSON.
    pub metadata: String,
    /// The model's id.
    pub model: String,
    /// What the model computed by: weights, precision, preparation.
    pub fingerprint: String,
    /// Numbers of a vector.
    pub dimensions: usize,
    /// The index that answers.
    pub index_number: i64,
    /// The index of another model that is being filled.
    pub next: Option<NextIndex>,
    /// Why the last one was given up.
    pub reindex_error: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When it was searched or changed.
    pub last_active_at: i64,
    /// Days that it may be left alone.
    pub expires_days: Option<i64>,
    /// When they are over.
    pub expires_at: Option<i64>,
    /// Whether they were over once: it is empty and stays so.
    pub is_expired: bool,
}

/// An index of another model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextIndex {
    /// Which of the store's.
    pub number: i64,
    /// The model's id.
    pub model: String,
    /// See [`VectorStoreRow::fingerprint`].
    pub fingerprint: String,
    /// Numbers of a vector.
    pub dimensions: usize,
    /// The key that pays.
    pub key_id: Option<String>,
}

impl VectorStoreRow {
    pub(crate) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let size = |number: i64| usize::try_from(number).unwrap_or(0);
        let next = match optional_number(row, "next_number")? {
            None => None,
            Some(number) => Some(NextIndex {
                number,
                model: text_or_nothing(row, "next_model")?,
                fingerprint: text_or_nothing(row, "next_fingerprint")?,
                dimensions: size(optional_number(row, "next_dimensions")?.unwrap_or(0)),
                key_id: optional_text(row, "next_key_id")?,
            }),
        };
        Ok(Self {
            id: text(row, "id")?,
            owner: Owner::account(&text(row, "owner")?),
            name: text(row, "name")?,
            metadata: text(row, "metadata")?,
            model: text(row, "model")?,
            fingerprint: text(row, "fingerprint")?,
            dimensions: size(number(row, "dimensions")?),
            index_number: number(row, "index_number")?,
            next,
            reindex_error: optional_text(row, "reindex_error")?,
            created_at: number(row, "created_at")?,
            last_active_at: number(row, "last_active_at")?,
            expires_days: optional_number(row, "expires_days")?,
            expires_at: optional_number(row, "expires_at")?,
            is_expired: number(row, "expired")? != 0,
        })
    }

    /// Whether its time is over at a moment, also where nobody has tidied up yet.
    pub fn is_expired_at(&self, now: i64) -> bool {
        self.is_expired || self.expires_at.is_some_and(|end| end <= now)
    }
}

fn text_or_nothing(row: &AnyRow, column: &str) -> Result<String, StoreError> {
    Ok(optional_text(row, column)?.unwrap_or_default())
}

/// A store to be made.
#[derive(Clone, Debug)]
pub struct NewVectorStore<'a> {
    /// What people call it.
    pub name: &'a str,
    /// JSON.
    pub metadata: &'a Value,
    /// The model's id.
    pub model: &'a str,
    /// See [`VectorStoreRow::fingerprint`].
    pub fingerprint: &'a str,
    /// Numbers of a vector.
    pub dimensions: usize,
    /// Days that it may be left alone.
    pub expires_days: Option<i64>,
    /// Files that it has from the start.
    pub files: &'a [NewStoreFile],
    /// The key that pays for them.
    pub key_id: Option<&'a str>,
    /// Milliseconds since 1970.
    pub now: i64,
}

/// What of a store is changed; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct VectorStoreChange<'a> {
    /// What people call it.
    pub name: Option<&'a str>,
    /// JSON.
    pub metadata: Option<&'a Value>,
    /// Days that it may be left alone; `Some(None)`: for ever.
    pub expires_days: Option<Option<i64>>,
}

/// Where a list of stores begins and ends.
#[derive(Clone, Debug)]
pub struct StorePage {
    /// The store behind which it begins.
    pub after: Option<String>,
    /// The store before which it ends.
    pub before: Option<String>,
    /// Whether the newest comes first.
    pub order: Order,
    /// How many at most.
    pub most: usize,
}

/// How many files of a store, or of a batch, are how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Waiting, or being embedded.
    pub in_progress: i64,
    /// Found by searches.
    pub completed: i64,
    /// Without a vector, for a reason.
    pub failed: i64,
    /// Taken back before their turn.
    pub cancelled: i64,
    /// Bytes of the vectors.
    pub bytes: i64,
}

impl FileCounts {
    /// All together.
    pub fn total(&self) -> i64 {
        self.in_progress + self.completed + self.failed + self.cancelled
    }

    pub(crate) fn add(&mut self, row: &AnyRow) -> Result<(), StoreError> {
        let count = number(row, "count")?;
        match text(row, "status")?.as_str() {
            "in_progress" => self.in_progress = count,
            "completed" => self.completed = count,
            "failed" => self.failed = count,
            _ => self.cancelled = count,
        }
        self.bytes += number(row, "bytes")?;
        Ok(())
    }
}

impl Store {
    /// A new store with its first files.
    ///
    /// # Errors
    /// When the owner has too many stores, or no such file.
    pub async fn create_vector_store(
        &self,
        owner: &Owner,
        new: &NewVectorStore<'_>,
    ) -> Result<VectorStoreRow, StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "SELECT COUNT(*) AS count FROM vector_stores WHERE owner = $1";
        let count = sqlx::query(sql).bind(owner.as_str().to_owned());
        let count = number(&count.fetch_one(&mut *transaction).await?, "count")?;
        if count >= MOST_VECTOR_STORES {
            let what = "vector stores of an account";
            return Err(StoreError::Full { what, limit: MOST_VECTOR_STORES });
        }
        let id = new_id("vs");
        let sql = "INSERT INTO vector_stores (id, owner, name, metadata, model, fingerprint, dimensions, index_number, \
                   indexes, created_at, last_active_at, expires_days, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 1, $8, $8, $9, $10)";
        sqlx::query(sql)
            .bind(id.clone())
            .bind(owner.as_str().to_owned())
            .bind(new.name.to_owned())
            .bind(new.metadata.to_string())
            .bind(new.model.to_owned())
            .bind(new.fingerprint.to_owned())
            .bind(i64::try_from(new.dimensions).unwrap_or(i64::MAX))
            .bind(new.now)
            .bind(new.expires_days)
            .bind(new.expires_days.map(|days| new.now + days * DAY))
            .execute(&mut *transaction)
            .await?;
        add_files(&mut transaction, owner, &id, new.key_id, new.files, new.now).await?;
        let row = find(&mut transaction, owner, &id).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// A store of an owner.
    ///
    /// # Errors
    /// When there is none.
    pub async fn vector_store(
        &self,
        owner: &Owner,
        id: &str,
    ) -> Result<VectorStoreRow, StoreError> {
        let mut connection = self.reader().acquire().await?;
        find(&mut connection, owner, id).await
    }

    /// A store whoever's it is, for work in the background.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn any_vector_store(&self, id: &str) -> Result<Option<VectorStoreRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM vector_stores WHERE id = $1").bind(id.to_owned());
        let row = row.fetch_optional(self.reader()).await?;
        row.as_ref().map(VectorStoreRow::read).transpose()
    }

    /// The stores of an owner.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn vector_stores(
        &self,
        owner: &Owner,
        page: &StorePage,
    ) -> Result<Vec<VectorStoreRow>, StoreError> {
        let walk = Walk::new(page.order, page.before.is_some());
        let sql = format!(
            "SELECT * FROM vector_stores WHERE owner = $1 AND ($2 = '' OR id {} $2) AND ($3 = '' OR id {} $3) \
             ORDER BY id {} LIMIT $4",
            walk.behind, walk.ahead, walk.order
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(owner.as_str().to_owned())
            .bind(page.after.clone().unwrap_or_default())
            .bind(page.before.clone().unwrap_or_default())
            .bind(i64::try_from(page.most).unwrap_or(i64::MAX))
            .fetch_all(self.reader())
            .await?;
        let mut rows = rows.iter().map(VectorStoreRow::read).collect::<Result<Vec<_>, _>>()?;
        if walk.is_backwards {
            rows.reverse();
        }
        Ok(rows)
    }

    /// How many files of a store are how far.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn file_counts(&self, id: &str) -> Result<FileCounts, StoreError> {
        let sql = "SELECT status, COUNT(*) AS count, CAST(COALESCE(SUM(usage_bytes), 0) AS BIGINT) AS bytes \
                   FROM vector_store_files WHERE vector_store_id = $1 GROUP BY status";
        let rows = sqlx::query(sql).bind(id.to_owned()).fetch_all(self.reader()).await?;
        let mut counts = FileCounts::default();
        rows.iter().try_for_each(|row| counts.add(row))?;
        Ok(counts)
    }

    /// Changes a store, which counts as being active.
    ///
    /// # Errors
    /// When there is none.
    pub async fn change_vector_store(
        &self,
        owner: &Owner,
        id: &str,
        change: &VectorStoreChange<'_>,
        now: i64,
    ) -> Result<VectorStoreRow, StoreError> {
        let mut transaction = self.transaction().await?;
        let before = find(&mut transaction, owner, id).await?;
        let days = change.expires_days.unwrap_or(before.expires_days);
        let sql = "UPDATE vector_stores SET name = $2, metadata = $3, expires_days = $4, expires_at = $5, \
                   last_active_at = $6 WHERE id = $1";
        sqlx::query(sql)
            .bind(id.to_owned())
            .bind(change.name.map_or(before.name, str::to_owned))
            .bind(change.metadata.map_or(before.metadata, Value::to_string))
            .bind(days)
            .bind(days.map(|days| now + days * DAY))
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        let row = find(&mut transaction, owner, id).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Notes that a store was used; its end moves along.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn touch_vector_store(&self, id: &str, now: i64) -> Result<(), StoreError> {
        let sql = "UPDATE vector_stores SET last_active_at = $2, expires_at = $2 + expires_days * $3 \
                   WHERE id = $1 AND expired = 0";
        let touched = sqlx::query(sql).bind(id.to_owned()).bind(now).bind(DAY);
        touched.execute(self.quick_writer()).await?;
        Ok(())
    }

    /// Deletes a store. Its files stay, its vectors go away.
    ///
    /// # Errors
    /// When there is none.
    pub async fn delete_vector_store(&self, owner: &Owner, id: &str) -> Result<(), StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "DELETE FROM vector_stores WHERE id = $1 AND owner = $2";
        let gone = sqlx::query(sql).bind(id.to_owned()).bind(owner.as_str().to_owned());
        if gone.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(missing(id));
        }
        forget_indexes(&mut transaction, id, 0).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Empties the stores whose time is over; gives how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn expire_vector_stores(&self, now: i64) -> Result<usize, StoreError> {
        let sql = "SELECT id FROM vector_stores WHERE expires_at <= $1 AND expired = 0 LIMIT 500";
        let ids = sqlx::query(sql).bind(now).fetch_all(self.reader()).await?;
        for id in &ids {
            let id = text(id, "id")?;
            let mut transaction = self.transaction().await?;
            let sql = "UPDATE vector_stores SET expired = 1, next_number = NULL \
                       WHERE id = $1 AND expires_at <= $2 AND expired = 0";
            let ended = sqlx::query(sql).bind(id.clone()).bind(now);
            // Somebody may have used it a moment ago.
            if ended.execute(&mut *transaction).await?.rows_affected() == 1 {
                empty_store(&mut transaction, &id).await?;
                forget_indexes(&mut transaction, &id, 0).await?;
            }
            transaction.commit().await?;
        }
        Ok(ids.len())
    }
}

/// How a page is read: a page that ends before something is read from its end.
pub(crate) struct Walk {
    /// Of what is behind `after` to it.
    pub(crate) behind: &'static str,
    /// Of what is ahead of `before` to it.
    pub(crate) ahead: &'static str,
    pub(crate) order: &'static str,
    /// Whether the rows come in the opposite of the order that was asked for.
    pub(crate) is_backwards: bool,
}

impl Walk {
    pub(crate) fn new(order: Order, ends_before: bool) -> Self {
        let (behind, ahead) = match order {
            Order::Ascending => (">", "<"),
            Order::Descending => ("<", ">"),
        };
        let is_rising = (order == Order::Ascending) != ends_before;
        let order = if is_rising { "ASC" } else { "DESC" };
        Self { behind, ahead, order, is_backwards: ends_before }
    }
}

/// Lets an index of a store, or with 0 all of them, go away.
pub(crate) async fn forget_indexes(
    connection: Connection<'_>,
    id: &str,
    number: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO vector_store_removals (vector_store_id, index_number, vector_id) \
               VALUES ($1, $2, '') ON CONFLICT DO NOTHING";
    sqlx::query(sql).bind(id.to_owned()).bind(number).execute(connection).await?;
    Ok(())
}

pub(crate) async fn find(
    connection: Connection<'_>,
    owner: &Owner,
    id: &str,
) -> Result<VectorStoreRow, StoreError> {
    let sql = "SELECT * FROM vector_stores WHERE id = $1 AND owner = $2";
    let row = sqlx::query(sql).bind(id.to_owned()).bind(owner.as_str().to_owned());
    let row = row.fetch_optional(connection).await?;
    VectorStoreRow::read(&row.ok_or_else(|| missing(id))?)
}

pub(crate) fn missing(id: &str) -> StoreError {
    StoreError::Missing { what: "vector store", id: id.to_owned() }
}
