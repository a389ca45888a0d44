//! The connections, and what differs between SQLite and PostgreSQL.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyConnection, AnyPool, Connection as _, Row, Transaction};
use url::Url;

use crate::error::StoreError;

/// Connections to a PostgreSQL.
const CONNECTIONS: u32 = 16;

/// Readers of a SQLite file beside its one writer.
const READERS: u32 = 4;

/// How long a statement waits for another program that writes to the same file.
const BUSY: Duration = Duration::from_secs(10);

/// Where the tables are.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file; it is made when it is missing.
    Sqlite(PathBuf),
    /// `postgres://USER:PASSWORD@HOST/DATABASE`.
    Postgres(Url),
}

impl Location {
    /// From a URL `postgres://…`, or a path.
    ///
    /// # Errors
    /// When it is the URL of something else.
    pub fn read(text: &str) -> Result<Self, StoreError> {
        let wrong = |why: &str| {
            Err(StoreError::Location(format!(
                "{why}; write postgres://USER:PASSWORD@HOST/DATABASE, or the path of a file"
            )))
        };
        if text.is_empty() {
            return wrong("an empty text is no database");
        }
        let Some((scheme, path)) = text.split_once("://") else {
            return Ok(Self::Sqlite(text.into()));
        };
        match scheme {
            "sqlite" => Ok(Self::Sqlite(path.into())),
            "postgres" | "postgresql" => match text.parse() {
                Ok(url) => Ok(Self::Postgres(url)),
                // The text may have a password in it.
                Err(_) => wrong("the URL of the database cannot be read"),
            },
            other => wrong(&format!("{other}:// is no database that polysight knows")),
        }
    }
}

impl fmt::Display for Location {
    /// Without a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "{}", path.display()),
            Self::Postgres(url) => {
                let host = url.host_str().unwrap_or("localhost");
                write!(formatter, "postgres://{host}{}", url.path())
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Location({self})")
    }
}

/// Which language the database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// An open database. Copies share its connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) dialect: Dialect,
    readers: AnyPool,
    writers: AnyPool,
    /// Writes what may be lost when the database's machine fails: holds, what is left of a minute, and in a file charges.
    quick: AnyPool,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Store({:?})", self.dialect)
    }
}

impl Store {
    /// Connects. The tables may be missing: see [`migrate`](Self::migrate).
    ///
    /// # Errors
    /// When the file cannot be opened or the server does not answer.
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        match location {
            Location::Sqlite(path) => Self::open_sqlite(path).await,
            Location::Postgres(url) => {
                let options =
                    || AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(BUSY);
                // A pool tries for as long as its patience lasts and then says nothing but that.
                AnyConnection::connect(url.as_str()).await?.close().await?;
                let writers = options().connect(url.as_str()).await?;
                let mut url = url.clone();
                url.query_pairs_mut().append_pair("options[synchronous_commit]", "off");
                let quick = options().connect(url.as_str()).await?;
                Ok(Self { dialect: Dialect::Postgres, readers: writers.clone(), writers, quick })
            }
        }
    }

    async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs_err::create_dir_all(folder)?;
        }
        let url = sqlite_url(path)?;
        let options = |synchronous: &'static str| {
            AnyPoolOptions::new()
                .acquire_timeout(BUSY)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
                .after_connect(move |connection, _| {
                    Box::pin(async move {
                        for pragma in [
                            "PRAGMA busy_timeout = 10000",
                            "PRAGMA journal_mode = WAL",
                            synchronous,
                            // `tidy` copies most of the journal into the file; whoever fills 16 MiB of it copies the rest.
                            "PRAGMA wal_autocheckpoint = 4000",
                            "PRAGMA foreign_keys = ON",
                        ] {
                            sqlx::raw_sql(pragma).execute(&mut *connection).await?;
                        }
                        Ok(())
                    })
                })
        };
        let mut first = AnyConnection::connect(&url).await?;
        sqlx::raw_sql("SELECT COUNT(*) FROM sqlite_master").execute(&mut first).await?;
        first.close().await?;
        // What the operator enters waits for the disk. A call must survive the process alone, which the journal does without.
        let (durable, quick) = ("PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL");
        let writers = options(durable).max_connections(1).connect(&url).await?;
        let readers = options(quick).max_connections(READERS).connect(&url).await?;
        let quick = options(quick).max_connections(1).connect(&url).await?;
        Ok(Self { dialect: Dialect::Sqlite, readers, writers, quick })
    }

    /// Whether several servers may share it.
    pub fn is_shared(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// For statements that only read.
    pub(crate) fn reader(&self) -> &AnyPool {
        &self.readers
    }

    /// For single statements that write, and are on the disk when they come back.
    pub(crate) fn writer(&self) -> &AnyPool {
        &self.writers
    }

    /// For single statements whose loss harms nobody: it comes back before it is on the disk.
    pub(crate) fn quick_writer(&self) -> &AnyPool {
        &self.quick
    }

    /// Several statements that happen together or not at all, and are on the disk when they come back.
    pub(crate) async fn transaction(&self) -> Result<Transaction<'static, sqlx::Any>, StoreError> {
        self.begin(&self.writers).await
    }

    /// The same for what harms nobody when the database's machine fails: a hold that is lost then is one that cannot be
    /// settled, and its answer is not sent.
    pub(crate) async fn quick_transaction(
        &self,
    ) -> Result<Transaction<'static, sqlx::Any>, StoreError> {
        self.begin(&self.quick).await
    }

    /// The same for a charge: on the disk of a PostgreSQL; a file's journal does not wait at each call.
    pub(crate) async fn charging(&self) -> Result<Transaction<'static, sqlx::Any>, StoreError> {
        match self.dialect {
            Dialect::Sqlite => self.quick_transaction().await,
            Dialect::Postgres => self.transaction().await,
        }
    }

    async fn begin(&self, pool: &AnyPool) -> Result<Transaction<'static, sqlx::Any>, StoreError> {
        Ok(match self.dialect {
            // A transaction that began by reading could not write once another program has written.
            Dialect::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => pool.begin().await?,
        })
    }

    /// Several reads that see the same moment.
    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, sqlx::Any>, StoreError> {
        Ok(match self.dialect {
            Dialect::Sqlite => self.readers.begin().await?,
            Dialect::Postgres => {
                self.readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?
            }
        })
    }

    /// Copies a SQLite file's journal into the file, beside whoever writes; a server does it now and then, so that no call has
    /// to wait for it. PostgreSQL does that by itself.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn tidy(&self) -> Result<(), StoreError> {
        if self.dialect == Dialect::Sqlite {
            sqlx::raw_sql("PRAGMA wal_checkpoint(PASSIVE)").execute(self.reader()).await?;
        }
        Ok(())
    }

    /// Writes a copy of a SQLite file that is whole, while the server goes on.
    ///
    /// # Errors
    /// When there is such a file already, or on PostgreSQL, which has tools of its own.
    pub async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        if self.dialect == Dialect::Postgres {
            let message = "a PostgreSQL is backed up with its own pg_dump".to_owned();
            return Err(StoreError::Invalid(message));
        }
        if to.exists() {
            return Err(StoreError::Invalid(format!("{} exists already", to.display())));
        }
        let Some(to) = to.to_str() else {
            return Err(StoreError::Invalid(format!("{} is not UTF-8", to.display())));
        };
        sqlx::query("VACUUM INTO $1").bind(to.to_owned()).execute(self.writer()).await?;
        Ok(())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.quick.close().await;
        self.writers.close().await;
    }
}

/// The path as the driver reads it.
fn sqlite_url(path: &Path) -> Result<String, StoreError> {
    let absolute = std::path::absolute(path)?;
    let mut url = Url::from_file_path(&absolute).map_err(|()| {
        StoreError::Location(format!("{} is no path of a database", path.display()))
    })?;
    url.set_query(Some("mode=rwc"));
    Ok(url.as_str().replacen("file://", "sqlite://", 1))
}

/// A column that is there by the statement's own words.
pub(crate) fn number(row: &AnyRow, column: &str) -> Result<i64, StoreError> {
    Ok(row.try_get(column)?)
}

pub(crate) fn optional_number(row: &AnyRow, column: &str) -> Result<Option<i64>, StoreError> {
    Ok(row.try_get(column)?)
}

pub(crate) fn text(row: &AnyRow, column: &str) -> Result<String, StoreError> {
    Ok(row.try_get(column)?)
}

pub(crate) fn optional_text(row: &AnyRow, column: &str) -> Result<Option<String>, StoreError> {
    Ok(row.try_get(column)?)
}

/// A transaction's connection.
pub(crate) type Connection<'a> = &'a mut AnyConnection;
