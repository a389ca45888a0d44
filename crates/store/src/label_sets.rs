//! Label sets: named, in versions that never change, with names for versions that may move.
//!
//! A version is a text that the server writes and reads, and the pictures that it has as examples. A set that is deleted
//! takes all of it along; single versions stay.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::accounts::new_id;
use crate::database::{Connection, Store, number, text};
use crate::error::StoreError;
use crate::files::Order;
use crate::owner::Owner;

/// Label sets of an owner.
pub const MOST_LABEL_SETS: i64 = 1000;

/// Versions of a label set.
pub const MOST_VERSIONS: i64 = 1000;

/// Bytes of all examples of an owner.
pub const MOST_EXAMPLE_BYTES: i64 = 1 << 30;

/// Which version of a set is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionChoice {
    /// The newest.
    Newest,
    /// One by its number, counted from 1.
    Number(i64),
    /// The one that has this name now.
    Alias(String),
}

/// A version to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    /// What people call the set; none: as before.
    pub name: Option<&'a str>,
    /// How many labels it has.
    pub labels: usize,
    /// What the server wrote.
    pub definition: &'a str,
    /// Pictures that the definition names and the set may not have yet.
    pub examples: &'a [NewExample],
    /// Names that the version gets; another version loses them.
    pub aliases: &'a [String],
    /// Milliseconds since 1970.
    pub now: i64,
}

/// A picture of a version.
#[derive(Clone, Debug)]
pub struct NewExample {
    /// SHA-256 of the content.
    pub hash: [u8; 32],
    /// An encoded picture.
    pub content: Vec<u8>,
}

/// A version of a set, without its definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSetRow {
    /// `ls_…`.
    pub id: String,
    /// What this version calls the set.
    pub name: String,
    /// This version.
    pub version: i64,
    /// The newest.
    pub latest: i64,
    /// How many labels it has.
    pub labels: i64,
    /// When this version was made, in milliseconds since 1970.
    pub created_at: i64,
    /// Names of the set's versions.
    pub aliases: BTreeMap<String, i64>,
}

impl LabelSetRow {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: text(row, "id")?,
            name: text(row, "name")?,
            version: number(row, "version")?,
            latest: number(row, "latest")?,
            labels: number(row, "labels")?,
            created_at: number(row, "created_at")?,
            aliases: BTreeMap::new(),
        })
    }
}

/// Where a list of sets begins and ends.
#[derive(Clone, Debug)]
pub struct LabelSetPage {
    /// The set behind which it begins.
    pub after: Option<String>,
    /// Whether the newest set comes first.
    pub order: Order,
    /// How many at most.
    pub most: usize,
}

/// The columns of [`LabelSetRow`], of the tables' short names.
const COLUMNS: &str = "SELECT s.id, v.name, v.version, s.latest, v.labels, v.created_at \
                       FROM label_sets s JOIN label_set_versions v ON v.label_set_id = s.id ";

impl Store {
    /// A new set with its first version.
    ///
    /// # Errors
    /// When the owner has too many sets, or too many bytes of examples.
    pub async fn create_label_set(
        &self,
        owner: &Owner,
        new: &NewVersion<'_>,
    ) -> Result<LabelSetRow, StoreError> {
        let mut transaction = self.transaction().await?;
        let sql = "SELECT COUNT(*) AS count FROM label_sets WHERE owner = $1";
        let count = sqlx::query(sql).bind(owner.as_str().to_owned());
        let count = number(&count.fetch_one(&mut *transaction).await?, "count")?;
        if count >= MOST_LABEL_SETS {
            return Err(full("label sets of an account", MOST_LABEL_SETS));
        }
        let id = new_id("ls");
        let sql = "INSERT INTO label_sets (id, owner, name, latest, created_at) VALUES ($1, $2, $3, 1, $4)";
        sqlx::query(sql)
            .bind(id.clone())
            .bind(owner.as_str().to_owned())
            .bind(new.name.unwrap_or_default().to_owned())
            .bind(new.now)
            .execute(&mut *transaction)
            .await?;
        write_version(&mut transaction, owner, &id, 1, new).await?;
        let row = find(&mut transaction, owner, &id, &VersionChoice::Newest).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// The next version of a set.
    ///
    /// # Errors
    /// When there is no such set, it has too many versions, or the owner too many bytes of examples.
    pub async fn add_label_set_version(
        &self,
        owner: &Owner,
        id: &str,
        new: &NewVersion<'_>,
    ) -> Result<LabelSetRow, StoreError> {
        let mut transaction = self.transaction().await?;
        // Whoever else makes a version waits here.
        let sql = "UPDATE label_sets SET latest = latest + 1, name = COALESCE($3, name) \
                   WHERE id = $1 AND owner = $2 RETURNING latest";
        let row = sqlx::query(sql)
            .bind(id.to_owned())
            .bind(owner.as_str().to_owned())
            .bind(new.name.map(str::to_owned))
            .fetch_optional(&mut *transaction)
            .await?;
        let version = number(&row.ok_or_else(|| missing(id))?, "latest")?;
        if version > MOST_VERSIONS {
            return Err(full("versions of a label set", MOST_VERSIONS));
        }
        write_version(&mut transaction, owner, id, version, new).await?;
        let row = find(&mut transaction, owner, id, &VersionChoice::Newest).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// A version of a set.
    ///
    /// # Errors
    /// When there is none.
    pub async fn label_set(
        &self,
        owner: &Owner,
        id: &str,
        choice: &VersionChoice,
    ) -> Result<LabelSetRow, StoreError> {
        let mut connection = self.reader().acquire().await?;
        find(&mut connection, owner, id, choice).await
    }

    /// What the server wrote of a version. Who may read it was asked with [`label_set`](Self::label_set).
    ///
    /// # Errors
    /// When there is none.
    pub async fn label_set_definition(&self, row: &LabelSetRow) -> Result<String, StoreError> {
        let sql =
            "SELECT definition FROM label_set_versions WHERE label_set_id = $1 AND version = $2";
        let found = sqlx::query(sql).bind(row.id.clone()).bind(row.version);
        let found = found.fetch_optional(self.reader()).await?;
        text(&found.ok_or_else(|| missing(&row.id))?, "definition")
    }

    /// The newest versions of an owner's sets, in the order in which the sets were made.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn label_sets(
        &self,
        owner: &Owner,
        page: &LabelSetPage,
    ) -> Result<Vec<LabelSetRow>, StoreError> {
        // Ids begin with their time.
        let sql = match page.order {
            Order::Ascending => {
                "WHERE s.owner = $1 AND v.version = s.latest AND ($2 = '' OR s.id > $2) ORDER BY s.id LIMIT $3"
            }
            Order::Descending => {
                "WHERE s.owner = $1 AND v.version = s.latest AND ($2 = '' OR s.id < $2) ORDER BY s.id DESC LIMIT $3"
            }
        };
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS}{sql}"));
        let rows = sqlx::query(sql)
            .bind(owner.as_str().to_owned())
            .bind(page.after.clone().unwrap_or_default())
            .bind(i64::try_from(page.most).unwrap_or(i64::MAX))
            .fetch_all(self.reader())
            .await?;
        let mut sets = Vec::with_capacity(rows.len());
        let mut connection = self.reader().acquire().await?;
        for row in &rows {
            let mut set = LabelSetRow::read(row)?;
            set.aliases = aliases(&mut connection, &set.id).await?;
            sets.push(set);
        }
        Ok(sets)
    }

    /// All versions of a set, the newest first.
    ///
    /// # Errors
    /// When there is no such set.
    pub async fn label_set_versions(
        &self,
        owner: &Owner,
        id: &str,
    ) -> Result<Vec<LabelSetRow>, StoreError> {
        let sql = format!("{COLUMNS}WHERE s.id = $1 AND s.owner = $2 ORDER BY v.version DESC");
        let mut connection = self.reader().acquire().await?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id.to_owned())
            .bind(owner.as_str().to_owned())
            .fetch_all(&mut *connection)
            .await?;
        if rows.is_empty() {
            return Err(missing(id));
        }
        let aliases = aliases(&mut connection, id).await?;
        let row = |row| Ok(LabelSetRow { aliases: aliases.clone(), ..LabelSetRow::read(row)? });
        rows.iter().map(row).collect()
    }

    /// Moves names of versions; one without a version is taken off.
    ///
    /// # Errors
    /// When there is no such set, or it has no such version; nothing is moved then.
    pub async fn move_label_set_aliases(
        &self,
        owner: &Owner,
        id: &str,
        moves: &BTreeMap<String, Option<i64>>,
    ) -> Result<LabelSetRow, StoreError> {
        let mut transaction = self.transaction().await?;
        find(&mut transaction, owner, id, &VersionChoice::Newest).await?;
        for (alias, version) in moves {
            if let Some(version) = version {
                find(&mut transaction, owner, id, &VersionChoice::Number(*version)).await?;
                name_version(&mut transaction, id, alias, *version).await?;
            } else {
                let sql = "DELETE FROM label_set_aliases WHERE label_set_id = $1 AND alias = $2";
                let gone = sqlx::query(sql).bind(id.to_owned()).bind(alias.clone());
                gone.execute(&mut *transaction).await?;
            }
        }
        let row = find(&mut transaction, owner, id, &VersionChoice::Newest).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Deletes a set with all its versions and examples.
    ///
    /// # Errors
    /// When there is no such set.
    pub async fn delete_label_set(&self, owner: &Owner, id: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM label_sets WHERE id = $1 AND owner = $2";
        let gone = sqlx::query(sql).bind(id.to_owned()).bind(owner.as_str().to_owned());
        if gone.execute(self.writer()).await?.rows_affected() == 0 {
            return Err(missing(id));
        }
        Ok(())
    }

    /// An example of a set, if it has this one. Who may read it was asked with [`label_set`](Self::label_set).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn label_set_example(
        &self,
        id: &str,
        hash: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT content FROM label_set_examples WHERE label_set_id = $1 AND hash = $2";
        let row = sqlx::query(sql).bind(id.to_owned()).bind(hash.to_vec());
        let row = row.fetch_optional(self.reader()).await?;
        Ok(row.map(|row| row.try_get::<Vec<u8>, _>("content")).transpose()?)
    }
}

async fn write_version(
    connection: Connection<'_>,
    owner: &Owner,
    id: &str,
    version: i64,
    new: &NewVersion<'_>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO label_set_versions (label_set_id, version, name, labels, definition, created_at) \
               SELECT $1, $2, name, $3, $4, $5 FROM label_sets WHERE id = $1";
    sqlx::query(sql)
        .bind(id.to_owned())
        .bind(version)
        .bind(i64::try_from(new.labels).unwrap_or(i64::MAX))
        .bind(new.definition.to_owned())
        .bind(new.now)
        .execute(&mut *connection)
        .await?;
    for NewExample { hash, content } in new.examples {
        let sql = "INSERT INTO label_set_examples (label_set_id, hash, size, content) \
                   VALUES ($1, $2, $3, $4) ON CONFLICT (label_set_id, hash) DO NOTHING";
        sqlx::query(sql)
            .bind(id.to_owned())
            .bind(hash.to_vec())
            .bind(content.len() as i64)
            .bind(content.clone())
            .execute(&mut *connection)
            .await?;
    }
    if !new.examples.is_empty() {
        let sql = "SELECT CAST(COALESCE(SUM(e.size), 0) AS BIGINT) AS bytes FROM label_set_examples e \
                   JOIN label_sets s ON s.id = e.label_set_id WHERE s.owner = $1";
        let bytes = sqlx::query(sql).bind(owner.as_str().to_owned());
        if number(&bytes.fetch_one(&mut *connection).await?, "bytes")? > MOST_EXAMPLE_BYTES {
            return Err(full("bytes of an account's examples", MOST_EXAMPLE_BYTES));
        }
    }
    for alias in new.aliases {
        name_version(&mut *connection, id, alias, version).await?;
    }
    Ok(())
}

async fn name_version(
    connection: Connection<'_>,
    id: &str,
    alias: &str,
    version: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO label_set_aliases (label_set_id, alias, version) VALUES ($1, $2, $3) \
               ON CONFLICT (label_set_id, alias) DO UPDATE SET version = $3";
    let named = sqlx::query(sql).bind(id.to_owned()).bind(alias.to_owned()).bind(version);
    named.execute(connection).await?;
    Ok(())
}

async fn find(
    connection: Connection<'_>,
    owner: &Owner,
    id: &str,
    choice: &VersionChoice,
) -> Result<LabelSetRow, StoreError> {
    let which = match choice {
        VersionChoice::Newest => "v.version = s.latest AND $3 = ''",
        VersionChoice::Number(_) => "v.version = CAST($3 AS BIGINT)",
        VersionChoice::Alias(_) => {
            "v.version = (SELECT a.version FROM label_set_aliases a \
             WHERE a.label_set_id = s.id AND a.alias = $3)"
        }
    };
    let named = match choice {
        VersionChoice::Newest => String::new(),
        VersionChoice::Number(number) => number.to_string(),
        VersionChoice::Alias(alias) => alias.clone(),
    };
    let sql = format!("{COLUMNS}WHERE s.id = $1 AND s.owner = $2 AND {which}");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id.to_owned())
        .bind(owner.as_str().to_owned())
        .bind(named.clone())
        .fetch_optional(&mut *connection)
        .await?;
    let absent = || if named.is_empty() { missing(id) } else { missing(&format!("{id}@{named}")) };
    let row = LabelSetRow::read(&row.ok_or_else(absent)?)?;
    let aliases = aliases(connection, id).await?;
    Ok(LabelSetRow { aliases, ..row })
}

async fn aliases(
    connection: Connection<'_>,
    id: &str,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let sql = "SELECT alias, version FROM label_set_aliases WHERE label_set_id = $1";
    let rows = sqlx::query(sql).bind(id.to_owned()).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((text(row, "alias")?, number(row, "version")?))).collect()
}

fn missing(id: &str) -> StoreError {
    StoreError::Missing { what: "label set", id: id.to_owned() }
}

fn full(what: &'static str, limit: i64) -> StoreError {
    StoreError::Full { what, limit }
}
