//! Which back end keeps an index of a vector store.

use crate::database::{Store, number, text};
use crate::error::StoreError;

/// A kind of back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexPlace {
    /// Plain files in the data folder.
    Files,
    /// Tables of pgvector.
    Pgvector,
    /// Collections of a Qdrant.
    Qdrant,
}

impl IndexPlace {
    const ALL: [Self; 3] = [Self::Files, Self::Pgvector, Self::Qdrant];

    /// As the database has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Pgvector => "pgvector",
            Self::Qdrant => "qdrant",
        }
    }

    fn read(name: &str) -> Result<Self, StoreError> {
        let place = Self::ALL.into_iter().find(|place| place.name() == name);
        let message = || format!("an index is kept in {name:?}, which this version does not know");
        place.ok_or_else(|| StoreError::Version(message()))
    }
}

impl Store {
    /// Where the indexes of a store are, by their numbers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn index_places(&self, store_id: &str) -> Result<Vec<(i64, IndexPlace)>, StoreError> {
        let sql = "SELECT index_number, place FROM index_places WHERE store_id = $1";
        let rows = sqlx::query(sql).bind(store_id.to_owned()).fetch_all(self.reader()).await?;
        let place =
            |row| Ok((number(row, "index_number")?, IndexPlace::read(&text(row, "place")?)?));
        rows.iter().map(place).collect()
    }

    /// Notes where an index is to be, and says where it is: what was noted first stays.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_index_place(
        &self,
        store_id: &str,
        index_number: i64,
        place: IndexPlace,
    ) -> Result<IndexPlace, StoreError> {
        // A row that is there is written once more, because only written rows are returned.
        let sql = "INSERT INTO index_places (store_id, index_number, place) VALUES ($1, $2, $3) \
                   ON CONFLICT (store_id, index_number) DO UPDATE SET place = index_places.place RETURNING place";
        let row = sqlx::query(sql).bind(store_id.to_owned()).bind(index_number);
        let row = row.bind(place.name()).fetch_one(self.writer()).await?;
        IndexPlace::read(&text(&row, "place")?)
    }

    /// Forgets where an index was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_index_place(
        &self,
        store_id: &str,
        index_number: i64,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM index_places WHERE store_id = $1 AND index_number = $2";
        let row = sqlx::query(sql).bind(store_id.to_owned()).bind(index_number);
        row.execute(self.writer()).await?;
        Ok(())
    }
}
