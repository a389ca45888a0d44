//! The tables, version by version; only forward.

use std::borrow::Cow;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::database::{Dialect, Store};
use crate::error::StoreError;

/// Version, name and statements; what was released is never edited.
const ALL: &[(i64, &str, &str)] = &[
    (1, "accounts", include_str!("../migrations/0001_accounts.sql")),
    (2, "files", include_str!("../migrations/0002_files.sql")),
    (3, "batches", include_str!("../migrations/0003_batches.sql")),
    (4, "label sets", include_str!("../migrations/0004_label_sets.sql")),
    (5, "vector stores", include_str!("../migrations/0005_vector_stores.sql")),
    (6, "index places", include_str!("../migrations/0006_index_places.sql")),
];

/// A version of the tables.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MigrationRow {
    /// Counted from 1.
    pub version: i64,
    /// What it brings.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

impl Store {
    /// Brings the tables to this version. Of several programs that do it at once one works and the others wait.
    ///
    /// # Errors
    /// When the tables are of a newer version, or were edited by hand.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let migrator = migrator(self.dialect);
        // A file has no lock for this: other programs that make the tables at the same moment may be faster, at each version.
        for _ in ALL {
            if migrator.run(self.writer()).await.is_ok() {
                return Ok(());
            }
        }
        migrator.run(self.writer()).await.map_err(|error| version(&error))?;
        Ok(())
    }

    /// Every version, and whether the database has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn migrations(&self) -> Result<Vec<MigrationRow>, StoreError> {
        let migrator = migrator(self.dialect);
        let mut connection = self.writer().acquire().await?;
        let table = migrator.table_name.clone();
        connection.ensure_migrations_table(&table).await.map_err(|error| version(&error))?;
        let applied = connection.list_applied_migrations(&table).await;
        let applied = applied.map_err(|error| version(&error))?;
        let row = |migration: &Migration| MigrationRow {
            version: migration.version,
            name: migration.description.clone().into_owned(),
            applied: applied.iter().any(|applied| applied.version == migration.version),
        };
        Ok(migrator.iter().map(row).collect())
    }
}

fn version(error: &MigrateError) -> StoreError {
    StoreError::Version(error.to_string())
}

fn migrator(dialect: Dialect) -> Migrator {
    let migration = |(version, name, sql): &(i64, &'static str, &str)| {
        let sql = AssertSqlSafe(in_dialect(sql, dialect)).into_sql_str();
        Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(ALL.iter().map(migration).collect())
}

/// The statements with their placeholders replaced.
fn in_dialect(sql: &str, dialect: Dialect) -> String {
    let (identity, bytes) = match dialect {
        Dialect::Sqlite => ("INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB"),
        Dialect::Postgres => ("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BYTEA"),
    };
    let line = |line: &str| match line.strip_prefix("{append_only ") {
        Some(table) => append_only(table.trim_end_matches('}'), dialect),
        None => line.replace("{identity}", identity).replace("{bytes}", bytes),
    };
    sql.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Refuses every change of a row that was written.
fn append_only(table: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => ["UPDATE", "DELETE"]
            .map(|event| {
                let name = format!("{table}_no_{}", event.to_lowercase());
                format!(
                    "CREATE TRIGGER {name} BEFORE {event} ON {table} \
                     BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
                )
            })
            .join("\n"),
        Dialect::Postgres => format!(
            "CREATE FUNCTION {table}_is_append_only() RETURNS trigger AS $$ \
             BEGIN RAISE EXCEPTION '{table} is append-only'; END; $$ LANGUAGE plpgsql;\n\
             CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} \
             FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only();"
        ),
    }
}
