//! Which servers are alive, so that the money of calls that died with one is given back.

use ledger::{MicroDollars, Open};

use crate::accounts::new_id;
use crate::database::{Store, number, text};
use crate::error::StoreError;

/// A server process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub(crate) id: String,
}

impl Store {
    /// Puts a process on the list of those that are alive.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn enter(&self, now: i64) -> Result<Process, StoreError> {
        let process = Process { id: new_id("process") };
        self.beat(&process, now).await?;
        Ok(process)
    }

    /// Says that a process is alive.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn beat(&self, process: &Process, now: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO processes (id, started_at, beat_at) VALUES ($1, $2, $2) \
                   ON CONFLICT (id) DO UPDATE SET beat_at = $2";
        sqlx::query(sql).bind(process.id.clone()).bind(now).execute(self.quick_writer()).await?;
        Ok(())
    }

    /// Releases the holds of all processes whose last beat was before a moment. A process that has the file for itself may
    /// name the present: then only its own holds are left.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release_dead(
        &self,
        alive: &Process,
        beat_before: i64,
    ) -> Result<usize, StoreError> {
        let sql = "SELECT id, amount FROM holds WHERE process_id <> $1 AND NOT EXISTS \
                   (SELECT 1 FROM processes WHERE processes.id = process_id AND beat_at >= $2)";
        let rows = sqlx::query(sql).bind(alive.id.clone()).bind(beat_before);
        let rows = rows.fetch_all(self.reader()).await?;
        let mut released = 0;
        for row in rows {
            let amount = MicroDollars::new(number(&row, "amount")?);
            let hold = ledger::Hold::<Open>::open(text(&row, "id")?, amount)?;
            match self.release(hold).await {
                Ok(()) => released += 1,
                // Another server was faster.
                Err(StoreError::HoldLost(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let sql = "DELETE FROM processes WHERE id <> $1 AND beat_at < $2 AND NOT EXISTS \
                   (SELECT 1 FROM holds WHERE process_id = processes.id)";
        sqlx::query(sql)
            .bind(alive.id.clone())
            .bind(beat_before)
            .execute(self.quick_writer())
            .await?;
        Ok(released)
    }

    /// Takes a process off the list, when it ends in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn leave(&self, process: &Process) -> Result<(), StoreError> {
        let sql = "DELETE FROM processes WHERE id = $1";
        sqlx::query(sql).bind(process.id.clone()).execute(self.quick_writer()).await?;
        Ok(())
    }
}
