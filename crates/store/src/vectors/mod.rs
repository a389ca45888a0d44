//! Vectors in PostgreSQL: the back end of [`VectorIndex`] that several servers share, on the extension pgvector.
//!
//! Each index is a table of its own, because a graph belongs to one number of dimensions. Numbers are kept in half precision.
//! Tables of up to [`GRAPH_FROM`] rows are compared row by row, larger ones have a graph (HNSW), which filters that leave little
//! go around.

mod filter;

use std::sync::atomic::{AtomicUsize, Ordering};

use index::{
    Attributes, Effort, Entry, Hit, IndexError, IndexServer, Listed, Query, Space, Stored,
    VectorIndex, attributes_from_json, attributes_to_json, check_attributes,
};
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use tokio::runtime::Handle;

use self::filter::{Condition, condition};
use crate::database::{Connection, Dialect, Store, number, optional_text, text};
use crate::error::StoreError;

/// Rows from which on a table has a graph.
pub const GRAPH_FROM: usize = 20_000;

/// Rows that a filter leaves are compared one by one up to this number.
const FEW: usize = 20_000;

/// Rows between two looks at whether a graph is due.
const LOOK_EVERY: usize = 1024;

/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 256;

/// The oldest pgvector that goes on along its graph until a filter is satisfied.
const OLDEST: (u32, u32) = (0, 8);

/// Of PostgreSQL's advisory locks: whoever makes tables of vectors.
const LOCK: i64 = 0x706f_6c79_7665_6374;

/// The indexes of a database, from threads that may block.
#[derive(Clone, Debug)]
pub struct VectorTables {
    store: Store,
    runtime: Handle,
}

impl VectorTables {
    /// Those of a PostgreSQL with a pgvector that will do, be it in use already or not; nothing of another database. Functions
    /// wait on this runtime.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn of(store: &Store, runtime: Handle) -> Result<Option<Self>, IndexError> {
        let is_available = runtime.block_on(VectorTable::is_available(store))?;
        Ok(is_available.then(|| Self { store: store.clone(), runtime }))
    }

    /// The names of indexes that begin so.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn names(&self, beginning: &str) -> Result<Vec<String>, IndexError> {
        self.runtime.block_on(VectorTable::names(&self.store, beginning))
    }
}

impl IndexServer for VectorTables {
    fn check(&self) -> Result<(), IndexError> {
        Self::of(&self.store, self.runtime.clone())?
            .map(drop)
            .ok_or_else(|| IndexError::Backend("the database has no pgvector any more".to_owned()))
    }

    fn open(&self, name: &str, space: &Space) -> Result<Box<dyn VectorIndex>, IndexError> {
        let table = self.runtime.block_on(VectorTable::create(&self.store, name, space))?;
        Ok(Box::new(table))
    }

    fn remove(&self, name: &str) -> Result<(), IndexError> {
        self.runtime.block_on(VectorTable::remove_all(&self.store, name))
    }
}

/// One index.
#[derive(Debug)]
pub struct VectorTable {
    store: Store,
    runtime: Handle,
    /// As SQL has it.
    table: String,
    space: Space,
    /// Rows put since the last look at whether a graph is due.
    since: AtomicUsize,
}

impl VectorTable {
    /// Opens the index of a name, and makes it where there is none. Its functions wait on the runtime that calls this.
    ///
    /// # Errors
    /// When it holds vectors of another space, the name is not of 1 to 40 small letters, digits and underscores, or the
    /// database is no PostgreSQL with pgvector 0.8 or newer.
    pub async fn create(store: &Store, name: &str, space: &Space) -> Result<Self, IndexError> {
        let table = table(store, name)?;
        let mut transaction = store.transaction().await.map_err(failed)?;
        run(&mut transaction, &format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
        require_extension(&mut transaction).await?;
        run(&mut transaction, CATALOGUE).await?;
        if let Some(stored) = stamp(&mut transaction, name).await? {
            stored.require(space)?;
        } else {
            let sql = "INSERT INTO vector_tables (name, model, fingerprint, dimensions) VALUES ($1, $2, $3, $4)";
            let stamp = sqlx::query(sql).bind(name.to_owned()).bind(space.model.clone());
            let stamp = stamp.bind(space.fingerprint.clone()).bind(space.dimensions as i64);
            stamp.execute(&mut *transaction).await.map_err(failed)?;
            let sql = format!(
                "CREATE TABLE {table} (id TEXT COLLATE \"C\" PRIMARY KEY, vector HALFVEC({}) NOT NULL, attributes JSONB NOT NULL)",
                space.dimensions
            );
            run(&mut transaction, &sql).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(Self {
            store: store.clone(),
            runtime: Handle::current(),
            table,
            space: space.clone(),
            // So that the first look comes with the first rows.
            since: AtomicUsize::new(LOOK_EVERY),
        })
    }

    async fn is_available(store: &Store) -> Result<bool, IndexError> {
        if store.dialect != Dialect::Postgres {
            return Ok(false);
        }
        let sql =
            "SELECT default_version AS version FROM pg_available_extensions WHERE name = 'vector'";
        let row = sqlx::query(sql).fetch_optional(store.reader()).await.map_err(failed)?;
        let version = row.map(|row| optional_text(&row, "version").map_err(failed)).transpose()?;
        Ok(version.flatten().is_some_and(|version| is_new_enough(&version, OLDEST)))
    }

    async fn names(store: &Store, beginning: &str) -> Result<Vec<String>, IndexError> {
        let mut connection = store.writer().acquire().await.map_err(failed)?;
        run(&mut connection, CATALOGUE).await?;
        let sql = "SELECT name FROM vector_tables WHERE starts_with(name, $1) ORDER BY name";
        let rows = sqlx::query(sql).bind(beginning.to_owned());
        let rows = rows.fetch_all(&mut *connection).await.map_err(failed)?;
        rows.iter().map(|row| column(row, "name")).collect()
    }

    /// Removes the index of a name; nothing happens where there is none.
    ///
    /// # Errors
    /// When the name is none, or the database does not answer.
    pub async fn remove_all(store: &Store, name: &str) -> Result<(), IndexError> {
        let table = table(store, name)?;
        let mut transaction = store.transaction().await.map_err(failed)?;
        run(&mut transaction, &format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
        run(&mut transaction, CATALOGUE).await?;
        let sql = "DELETE FROM vector_tables WHERE name = $1";
        let row = sqlx::query(sql).bind(name.to_owned());
        row.execute(&mut *transaction).await.map_err(failed)?;
        run(&mut transaction, &format!("DROP TABLE IF EXISTS {table}")).await?;
        transaction.commit().await.map_err(failed)
    }

    /// Whether it has a graph.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_graph(&self) -> Result<bool, IndexError> {
        self.wait(async {
            let sql = "SELECT CASE WHEN to_regclass($1) IS NULL THEN 0::BIGINT ELSE 1::BIGINT END AS found";
            let row = sqlx::query(sql).bind(format!("{}_graph", self.table));
            let row = row.fetch_one(self.store.reader()).await.map_err(failed)?;
            Ok(number(&row, "found").map_err(failed)? == 1)
        })
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, IndexError>>) -> Result<T, IndexError> {
        self.runtime.block_on(work)
    }

    async fn insert(&self, entries: &[Entry<'_>]) -> Result<(), IndexError> {
        let sql = format!(
            "INSERT INTO {} (id, vector, attributes) \
             SELECT id, vector::HALFVEC, attributes FROM \
             jsonb_to_recordset($1::TEXT::JSONB) AS given(id TEXT, vector TEXT, attributes JSONB) \
             ON CONFLICT (id) DO UPDATE SET vector = EXCLUDED.vector, attributes = EXCLUDED.attributes",
            self.table
        );
        // A statement may touch a row once.
        let last = Entry::last_of_each_id(entries);
        let mut transaction = self.store.transaction().await.map_err(failed)?;
        for part in last.chunks(ROWS_PER_STATEMENT) {
            let rows = part.iter().map(|entry| {
                json!({ "id": entry.id, "vector": numbers(entry.vector), "attributes": entry.attributes })
            });
            let rows = rows.collect::<serde_json::Value>().to_string();
            let query = sqlx::query(AssertSqlSafe(sql.as_str())).bind(rows);
            query.execute(&mut *transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    /// Builds the graph once there are enough rows.
    async fn look_at_size(&self, new: usize) -> Result<(), IndexError> {
        if self.since.fetch_add(new, Ordering::Relaxed) + new < LOOK_EVERY {
            return Ok(());
        }
        self.since.store(0, Ordering::Relaxed);
        let everything = Condition::default();
        if self.count_up_to(&everything, GRAPH_FROM).await? == GRAPH_FROM {
            let (table, name) = (&self.table, format!("{}_graph", self.table));
            let sql = format!(
                "CREATE INDEX IF NOT EXISTS {name} ON {table} USING hnsw (vector halfvec_ip_ops)"
            );
            let mut connection = self.store.writer().acquire().await.map_err(failed)?;
            run(&mut connection, &sql).await?;
        }
        Ok(())
    }

    /// Rows of which a condition holds, if they are fewer than `most`.
    async fn count_up_to(&self, condition: &Condition, most: usize) -> Result<usize, IndexError> {
        let sql = format!(
            "SELECT COUNT(*) AS count FROM (SELECT 1 FROM {} WHERE {} LIMIT {most}) AS counted",
            self.table, condition.sql
        );
        let query = condition.bind(sqlx::query(AssertSqlSafe(sql)));
        let row = query.fetch_one(self.store.reader()).await.map_err(failed)?;
        Ok(number(&row, "count").map_err(failed)? as usize)
    }

    async fn nearest(&self, query: &Query<'_>) -> Result<Vec<Hit>, IndexError> {
        let condition = query.filter.map_or_else(Condition::default, |filter| condition(filter, 1));
        let is_exact = query.effort == Effort::Exact
            || query.filter.is_some() && self.count_up_to(&condition, FEW).await? < FEW;
        let mut transaction = self.store.snapshot().await.map_err(failed)?;
        // A sum is none of the index's orders. Settings would not do: a plan that is kept does not ask for them again.
        let order = if is_exact { " + 0" } else { "" };
        if !is_exact {
            let reach = query.count.saturating_mul(2).clamp(200, 1000);
            run(&mut transaction, &format!("SET LOCAL hnsw.ef_search = {reach}")).await?;
            run(&mut transaction, "SET LOCAL hnsw.iterative_scan = strict_order").await?;
            run(&mut transaction, "SET LOCAL hnsw.max_scan_tuples = 1000000").await?;
        }
        let place = condition.values.len() + 1;
        let sql = format!(
            "SELECT id, (vector <#> ${place}::TEXT::HALFVEC)::TEXT AS negative, attributes::TEXT AS attributes FROM {} \
             WHERE {} ORDER BY (vector <#> ${place}::TEXT::HALFVEC){order} LIMIT {}",
            self.table, condition.sql, query.count
        );
        let rows = condition.bind(sqlx::query(AssertSqlSafe(sql))).bind(numbers(query.vector));
        let rows = rows.fetch_all(&mut *transaction).await.map_err(failed)?;
        let mut hits = rows.iter().map(hit).collect::<Result<Vec<_>, _>>()?;
        hits.sort_by(Hit::by_rank);
        Ok(hits)
    }

    /// Rows behind an id, or of it alone.
    async fn rows(&self, what: &str, id: &str, count: usize) -> Result<Vec<AnyRow>, IndexError> {
        let sql = format!("SELECT {what} ORDER BY id LIMIT {}", count.min(i64::MAX as usize));
        let query = sqlx::query(AssertSqlSafe(sql)).bind(id.to_owned());
        query.fetch_all(self.store.reader()).await.map_err(failed)
    }
}

impl VectorIndex for VectorTable {
    fn space(&self) -> &Space {
        &self.space
    }

    fn count(&self) -> Result<u64, IndexError> {
        let everything = Condition::default();
        Ok(self.wait(self.count_up_to(&everything, i64::MAX as usize))? as u64)
    }

    fn put(&self, entries: &[Entry<'_>]) -> Result<(), IndexError> {
        entries.iter().try_for_each(|entry| entry.check(&self.space))?;
        if entries.is_empty() {
            return Ok(());
        }
        self.wait(async {
            self.insert(entries).await?;
            self.look_at_size(entries.len()).await
        })
    }

    fn set_attributes(&self, id: &str, attributes: &Attributes) -> Result<bool, IndexError> {
        check_attributes(id, attributes)?;
        let sql = format!("UPDATE {} SET attributes = $2::TEXT::JSONB WHERE id = $1", self.table);
        self.wait(async {
            let query = sqlx::query(AssertSqlSafe(sql)).bind(id.to_owned());
            let query = query.bind(attributes_to_json(attributes));
            let done = query.execute(self.store.writer()).await.map_err(failed)?;
            Ok(done.rows_affected() == 1)
        })
    }

    fn remove(&self, ids: &[&str]) -> Result<u64, IndexError> {
        let sql = format!(
            "DELETE FROM {} WHERE id IN (SELECT jsonb_array_elements_text($1::TEXT::JSONB))",
            self.table
        );
        self.wait(async {
            let query = sqlx::query(AssertSqlSafe(sql)).bind(json!(ids).to_string());
            Ok(query.execute(self.store.writer()).await.map_err(failed)?.rows_affected())
        })
    }

    fn get(&self, id: &str) -> Result<Option<Stored>, IndexError> {
        let what = format!("{STORED} FROM {} WHERE id = $1", self.table);
        let rows = self.wait(self.rows(&what, id, 1))?;
        rows.first().map(stored).transpose()
    }

    fn page(&self, after: Option<&str>, count: usize) -> Result<Vec<Stored>, IndexError> {
        let what = format!("{STORED} FROM {} WHERE id > $1", self.table);
        let rows = self.wait(self.rows(&what, after.unwrap_or_default(), count))?;
        rows.iter().map(stored).collect()
    }

    fn list(&self, after: Option<&str>, count: usize) -> Result<Vec<Listed>, IndexError> {
        let what = format!("id, attributes::TEXT AS attributes FROM {} WHERE id > $1", self.table);
        let rows = self.wait(self.rows(&what, after.unwrap_or_default(), count))?;
        let listed = |row| Ok(Listed { id: column(row, "id")?, attributes: attributes(row)? });
        rows.iter().map(listed).collect()
    }

    fn search(&self, query: &Query<'_>) -> Result<Vec<Hit>, IndexError> {
        query.check(&self.space)?;
        if query.count == 0 {
            return Ok(Vec::new());
        }
        self.wait(self.nearest(query))
    }
}

/// Which tables there are, and what their vectors have in common.
const CATALOGUE: &str = "CREATE TABLE IF NOT EXISTS vector_tables (name TEXT PRIMARY KEY, model TEXT NOT NULL, \
                         fingerprint TEXT NOT NULL, dimensions BIGINT NOT NULL)";

/// The columns of a [`Stored`].
const STORED: &str = "id, vector::TEXT AS vector, attributes::TEXT AS attributes";

/// The table of an index.
fn table(store: &Store, name: &str) -> Result<String, IndexError> {
    if store.dialect != Dialect::Postgres {
        return Err(IndexError::Backend("SQLite has no vectors; PostgreSQL has".to_owned()));
    }
    require_name(name)?;
    Ok(format!("vectors_{name}"))
}

/// # Errors
/// When it is no name of an index.
pub(crate) fn require_name(name: &str) -> Result<(), IndexError> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > 40 || !name.bytes().all(is_plain) {
        return Err(IndexError::Backend(format!(
            "{name:?} is no name of an index: 1 to 40 small letters, digits and underscores"
        )));
    }
    Ok(())
}

async fn require_extension(connection: Connection<'_>) -> Result<(), IndexError> {
    run(connection, "CREATE EXTENSION IF NOT EXISTS vector").await.map_err(|error| {
        IndexError::Backend(format!(
            "this PostgreSQL has no pgvector, or the user may not create it: {error}"
        ))
    })?;
    let sql = "SELECT extversion FROM pg_extension WHERE extname = 'vector'";
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(failed)?;
    let version = column(&row, "extversion")?;
    if !is_new_enough(&version, OLDEST) {
        let (major, minor) = OLDEST;
        let problem = format!("pgvector {version} is too old: {major}.{minor} is the oldest");
        return Err(IndexError::Backend(problem));
    }
    Ok(())
}

/// Whether a version is the oldest that will do, or newer.
pub(crate) fn is_new_enough(version: &str, oldest: (u32, u32)) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= oldest
}

/// What an index was stamped with.
async fn stamp(connection: Connection<'_>, name: &str) -> Result<Option<Space>, IndexError> {
    let sql = "SELECT model, fingerprint, dimensions FROM vector_tables WHERE name = $1";
    let row = sqlx::query(sql).bind(name.to_owned());
    let Some(row) = row.fetch_optional(connection).await.map_err(failed)? else {
        return Ok(None);
    };
    Ok(Some(Space {
        model: column(&row, "model")?,
        fingerprint: column(&row, "fingerprint")?,
        dimensions: number(&row, "dimensions").map_err(failed)? as usize,
    }))
}

async fn run(connection: Connection<'_>, sql: &str) -> Result<(), IndexError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map_err(failed)?;
    Ok(())
}

fn failed(error: impl Into<StoreError>) -> IndexError {
    error.into().into()
}

/// As pgvector reads it.
fn numbers(vector: &[f32]) -> String {
    let numbers = vector.iter().map(f32::to_string).collect::<Vec<_>>();
    format!("[{}]", numbers.join(","))
}

fn column(row: &AnyRow, name: &str) -> Result<String, IndexError> {
    text(row, name).map_err(failed)
}

fn attributes(row: &AnyRow) -> Result<Attributes, IndexError> {
    let damaged = |error| IndexError::Backend(format!("attributes cannot be read: {error}"));
    attributes_from_json(column(row, "attributes")?.as_bytes()).map_err(damaged)
}

fn hit(row: &AnyRow) -> Result<Hit, IndexError> {
    let negative = optional_text(row, "negative").map_err(failed)?;
    let negative = negative.and_then(|text| text.parse::<f32>().ok()).unwrap_or(f32::NAN);
    Ok(Hit { id: column(row, "id")?, product: -negative, attributes: attributes(row)? })
}

fn stored(row: &AnyRow) -> Result<Stored, IndexError> {
    let vector = column(row, "vector")?;
    let numbers = vector.trim_matches(['[', ']']).split(',').map(str::parse::<f32>);
    let damaged = |error| IndexError::Backend(format!("a vector cannot be read: {error}"));
    let vector = numbers.collect::<Result<_, _>>().map_err(damaged)?;
    Ok(Stored { id: column(row, "id")?, vector, attributes: attributes(row)? })
}
