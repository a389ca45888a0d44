//! The indexes that are open, and the tasks that look after them.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use index::{IndexError, Space, VectorIndex};
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

use super::{care, place};
use crate::app::App;
use crate::archive::Archive;
use crate::error::ApiError;

/// Indexes that are kept open while nobody uses them.
const KEPT_OPEN: usize = 64;

/// Files that are embedded at once, of all stores.
const FILES_AT_ONCE: usize = 32;

type Cell = Arc<OnceCell<Box<dyn VectorIndex>>>;

/// An index of a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    store: String,
    number: i64,
}

/// An index that stays open as long as somebody has this.
#[derive(Clone)]
pub(crate) struct OpenIndex(Cell);

impl Deref for OpenIndex {
    type Target = dyn VectorIndex;

    fn deref(&self) -> &Self::Target {
        self.0.get().expect("it was opened").as_ref()
    }
}

/// All of a server's.
pub(crate) struct Shelves {
    open: Mutex<Opened>,
    /// Stores that a task looks after, and whether there is more to do than when it looked last.
    tended: Arc<Mutex<HashMap<String, bool>>>,
    tasks: Mutex<Option<JoinSet<()>>>,
    pub(super) files_at_once: Arc<Semaphore>,
}

#[derive(Default)]
struct Opened {
    cells: HashMap<Place, Shelf>,
    /// What was removed and must not come back: ids are used once.
    gone: HashSet<Place>,
    /// Who changes the index of a store, one at a time.
    writers: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
    clock: u64,
}

struct Shelf {
    cell: Cell,
    used: u64,
}

impl Default for Shelves {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            tended: Arc::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
            files_at_once: Arc::new(Semaphore::new(FILES_AT_ONCE)),
        }
    }
}

impl Shelves {
    fn opened(&self) -> MutexGuard<'_, Opened> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An index of a store.
    ///
    /// # Errors
    /// 404 when it was removed, 503 when it cannot be opened, which the log says.
    pub(crate) async fn index(
        &self,
        app: &App,
        archive: &Arc<Archive>,
        store: &str,
        number: i64,
        space: Space,
    ) -> Result<OpenIndex, ApiError> {
        let place = Place { store: store.to_owned(), number };
        let cell = self.opened().cell(&place).ok_or_else(|| {
            let message = format!("there is no vector store {store:?}");
            ApiError::not_found("vector_store_not_found", message)
        })?;
        let options = app.registry.find(None)?.spec.options.clone();
        let archive = Arc::clone(archive);
        let open = async || {
            let open = move || place::open(&archive, &options, &place.store, place.number, &space);
            let opened = tokio::task::spawn_blocking(open).await;
            opened
                .map_err(|_| ApiError::internal("opening an index failed"))?
                .map_err(|e| failed(&e))
        };
        cell.get_or_try_init(open).await?;
        Ok(OpenIndex(cell))
    }

    /// Lets whoever changes a store's index go one after the other.
    pub(super) fn writer(&self, store: &str) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.opened().writers.entry(store.to_owned()).or_default())
    }

    /// Closes an index of a store, with 0 all of them, for good; whoever uses it still may finish.
    pub(super) fn retire(&self, store: &str, number: i64) {
        let mut opened = self.opened();
        let is_gone =
            |place: &Place| place.store == store && (number == 0 || place.number == number);
        opened.cells.retain(|place, _| !is_gone(place));
        opened.gone.insert(Place { store: store.to_owned(), number });
        if number == 0 {
            opened.writers.remove(store);
        }
    }

    /// Sees to it that a task looks after a store, and that it looks once more if it is at it.
    pub(crate) fn wake(&self, app: &Arc<App>, store: &str) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tasks) = tasks.as_mut() else { return };
        while tasks.try_join_next().is_some() {}
        let mut tended = self.tended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(more) = tended.get_mut(store) {
            *more = true;
            return;
        }
        tended.insert(store.to_owned(), true);
        let tending = Tending { tended: Arc::clone(&self.tended), store: store.to_owned() };
        let app = Arc::clone(app);
        tasks.spawn(async move {
            while tending.has_more() {
                care::tend(&app, &tending.store).await;
            }
        });
    }

    /// Ends all tasks; what they were at is begun anew by the next server.
    pub(crate) async fn stop(&self) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }
}

impl Opened {
    /// Where an index is, or will be; nothing when it was removed.
    fn cell(&mut self, place: &Place) -> Option<Cell> {
        let whole = Place { store: place.store.clone(), number: 0 };
        if self.gone.contains(place) || self.gone.contains(&whole) {
            return None;
        }
        self.clock += 1;
        let used = self.clock;
        if !self.cells.contains_key(place) && self.cells.len() >= KEPT_OPEN {
            self.close_one();
        }
        let shelf = self.cells.entry(place.clone());
        let shelf = shelf.or_insert_with(|| Shelf { cell: Cell::default(), used });
        shelf.used = used;
        Some(Arc::clone(&shelf.cell))
    }

    /// The one that was not used for the longest time, of those that nobody uses.
    fn close_one(&mut self) {
        let free = self.cells.iter().filter(|(_, shelf)| Arc::strong_count(&shelf.cell) == 1);
        let oldest = free.min_by_key(|(_, shelf)| shelf.used).map(|(place, _)| place.clone());
        if let Some(place) = oldest {
            self.cells.remove(&place);
        }
    }
}

/// A task's entry on the list of tended stores.
struct Tending {
    tended: Arc<Mutex<HashMap<String, bool>>>,
    store: String,
}

impl Tending {
    /// Whether somebody asked for it since the last time; else it is taken off the list.
    fn has_more(&self) -> bool {
        let mut tended = self.tended.lock().unwrap_or_else(PoisonError::into_inner);
        match tended.get_mut(&self.store) {
            Some(more) if *more => {
                *more = false;
                true
            }
            _ => {
                tended.remove(&self.store);
                false
            }
        }
    }
}

impl Drop for Tending {
    /// Also when the task panics: the next one may go on.
    fn drop(&mut self) {
        self.tended.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.store);
    }
}

/// 503, but for what is the request's fault.
pub(crate) fn failed(error: &IndexError) -> ApiError {
    match error {
        IndexError::Depth { .. } => {
            ApiError::invalid("invalid_filter", error.to_string()).at("filters")
        }
        IndexError::OtherSpace { .. } => {
            ApiError::invalid("vector_store_of_other_model", error.to_string())
        }
        other => {
            tracing::error!(error = %other, "an index");
            let message =
                "the index of the vector store cannot be used now; the server's log says why";
            ApiError::unavailable("index_unavailable", message, 5)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(store: &str) -> Place {
        Place { store: store.to_owned(), number: 1 }
    }

    #[test]
    fn what_nobody_uses_is_closed_when_there_are_many_and_nothing_else() {
        let mut opened = Opened::default();
        let first = opened.cell(&place("first")).unwrap();
        drop(opened.cell(&place("second")).unwrap());
        for number in 2..KEPT_OPEN {
            drop(opened.cell(&place(&number.to_string())).unwrap());
        }
        drop(opened.cell(&place("one more")).unwrap());
        assert_eq!(opened.cells.len(), KEPT_OPEN);
        assert!(!opened.cells.contains_key(&place("second")));
        assert!(Arc::ptr_eq(&first, &opened.cell(&place("first")).unwrap()));
    }

    #[test]
    fn a_removed_store_does_not_come_back() {
        let shelves = Shelves::default();
        assert!(shelves.opened().cell(&place("a")).is_some());
        shelves.retire("a", 0);
        assert!(shelves.opened().cell(&place("a")).is_none());
        shelves.retire("b", 2);
        assert!(shelves.opened().cell(&Place { number: 2, ..place("b") }).is_none());
        assert!(shelves.opened().cell(&place("b")).is_some());
    }
}
