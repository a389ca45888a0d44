//! What a task does for a store: remove, tell, embed, move.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use index::{Attributes, Entry, IndexError, Space};
use store::{
    Claimed, Completion, FileError, Outcome, Removal, StoreError, StoreFileRow, VectorStoreRow,
};

use super::contents::{Contents, Problem, excerpt, read};
use super::payment::{Purse, set_aside};
use super::shelves::{OpenIndex, failed};
use super::{KIND, place};
use crate::app::App;
use crate::archive::Archive;
use crate::error::ApiError;
use crate::input::{Content, ImageSource};
use crate::loaded::LoadedModel;
use crate::work::{self, Embedded};

/// Files that are put into an index together.
const TOGETHER: usize = 16;

/// Files whose attributes are told together.
const TOLD_TOGETHER: usize = 256;

/// How long a task waits for a model that is being loaded.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long an index stays that no longer answers.
const GRACE: Duration = Duration::from_secs(2);

/// A task comes again after so many seconds when it does not know better.
const PAUSE: u64 = 2;

/// Wakes a task for every store for which something has to be done: what a server that ended left, and what others began.
pub(crate) async fn look_for_work(app: &Arc<App>) {
    let Some(archive) = app.archive.opened() else { return };
    match archive.store.stores_with_work().await {
        Ok(stores) => stores.iter().for_each(|store| app.vector_stores.wake(app, store)),
        Err(error) => tracing::error!(%error, "the database"),
    }
}

/// Does everything that there is to do for a store; what fails for a reason that passes is left for the next time.
pub(super) async fn tend(app: &Arc<App>, store: &str) {
    let Ok(archive) = app.archive().await else { return };
    let tender = Tender { app, archive: &archive, store };
    loop {
        match tender.step().await {
            Ok(Step::Again) => {}
            Ok(Step::Done) => return,
            Ok(Step::Later(seconds)) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Err(error) => {
                tracing::error!(%error, store, "a vector store");
                tokio::time::sleep(Duration::from_secs(PAUSE)).await;
            }
        }
    }
}

/// Lets the index of a store know the attributes of its files.
///
/// # Errors
/// When the database or the index does not answer.
pub(crate) async fn freshen(
    app: &Arc<App>,
    archive: &Arc<Archive>,
    store: &VectorStoreRow,
) -> Result<(), ApiError> {
    let tender = Tender { app, archive, store: &store.id };
    tender.tell(store).await.map(drop).map_err(|error| match error {
        TendError::Store(error) => crate::archive::unanswered(&error),
        TendError::Index(error) => failed(&error),
        TendError::Refused(error) => error,
    })
}

enum Step {
    Again,
    Later(u64),
    Done,
}

#[derive(Debug, thiserror::Error)]
enum TendError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("{}", .0.object.message)]
    Refused(ApiError),
}

impl From<ApiError> for TendError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

struct Tender<'a> {
    app: &'a Arc<App>,
    archive: &'a Arc<Archive>,
    store: &'a str,
}

/// An index that is being filled, and by which model.
struct Target {
    number: i64,
    model: String,
    fingerprint: String,
    dimensions: usize,
}

impl Target {
    fn current(store: &VectorStoreRow) -> Self {
        Self {
            number: store.index_number,
            model: store.model.clone(),
            fingerprint: store.fingerprint.clone(),
            dimensions: store.dimensions,
        }
    }

    fn next(store: &VectorStoreRow) -> Option<Self> {
        let next = store.next.as_ref()?;
        Some(Self {
            number: next.number,
            model: next.model.clone(),
            fingerprint: next.fingerprint.clone(),
            dimensions: next.dimensions,
        })
    }

    fn space(&self) -> Space {
        Space {
            model: self.model.clone(),
            fingerprint: self.fingerprint.clone(),
            dimensions: self.dimensions,
        }
    }
}

/// A file with its vector.
struct Made {
    claimed: Claimed,
    /// `image` or `text`.
    kind: &'static str,
    excerpt: String,
    embedded: Embedded,
    purse: Option<Purse>,
}

/// A file without.
struct Unmade {
    row: StoreFileRow,
    problem: Problem,
}

/// Which of a store's indexes a file is put into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The one that answers.
    Add,
    /// That of another model.
    Move,
}

impl Tender<'_> {
    async fn step(&self) -> Result<Step, TendError> {
        let store = self.archive.store.any_vector_store(self.store).await?;
        if let Some(store) = store.as_ref().filter(|store| !store.is_expired)
            && self.index(&Target::current(store)).await.is_err()
        {
            // Nothing is claimed that cannot be put away: another server may have the index open, and look after it.
            return Ok(Step::Done);
        }
        if self.remove(store.as_ref()).await? {
            return Ok(Step::Again);
        }
        let Some(store) = store.filter(|store| !store.is_expired) else { return Ok(Step::Done) };
        if self.tell(&store).await? {
            return Ok(Step::Again);
        }
        let (process, since) = (&self.archive.process, self.archive.alive_since());
        let page = self.archive.store.claim_store_files(process, self.store, TOGETHER, since);
        let page = page.await?;
        if !page.is_empty() {
            return self.embed(page, &Target::current(&store), Purpose::Add, None).await;
        }
        let Some(target) = Target::next(&store) else { return Ok(Step::Done) };
        let page = self.archive.store.files_to_move(self.store, target.number, TOGETHER).await?;
        if page.is_empty() {
            let finished = self.archive.store.finish_reindex(&store).await?;
            return Ok(if finished { Step::Again } else { Step::Later(1) });
        }
        let key = store.next.as_ref().and_then(|next| next.key_id.clone());
        self.embed(page, &target, Purpose::Move, key.as_deref()).await
    }

    async fn index(&self, target: &Target) -> Result<OpenIndex, TendError> {
        let shelves = &self.app.vector_stores;
        let space = target.space();
        let index = shelves.index(self.app, self.archive, self.store, target.number, space).await?;
        Ok(index)
    }

    /// The indexes that a store has now.
    async fn indexes(&self, store: &VectorStoreRow) -> Result<Vec<OpenIndex>, TendError> {
        let mut indexes = vec![self.index(&Target::current(store)).await?];
        if let Some(next) = Target::next(store) {
            indexes.push(self.index(&next).await?);
        }
        Ok(indexes)
    }

    /// Removes what is noted; gives whether there was anything.
    async fn remove(&self, store: Option<&VectorStoreRow>) -> Result<bool, TendError> {
        let removals = self.archive.store.store_removals(self.store).await?;
        if removals.is_empty() {
            return Ok(false);
        }
        let shelves = &self.app.vector_stores;
        if removals.iter().any(|removal| removal.index_number != 0) {
            // A request may have read a moment ago that this index answers.
            tokio::time::sleep(GRACE).await;
        }
        let writer = shelves.writer(self.store);
        let _writing = writer.lock().await;
        let is_whole = |removal: &&Removal| removal.vector_id.is_empty();
        for Removal { index_number, .. } in removals.iter().filter(is_whole) {
            let (number, store) = (*index_number, self.store.to_owned());
            shelves.retire(&store, number);
            let archive = Arc::clone(self.archive);
            blocking(move || place::remove(&archive, &store, number)).await?;
        }
        let vectors = removals.iter().filter(|removal| !removal.vector_id.is_empty());
        let vectors = vectors.map(|removal| removal.vector_id.clone()).collect::<Vec<_>>();
        if let Some(store) = store.filter(|store| !store.is_expired && !vectors.is_empty()) {
            for index in self.indexes(store).await? {
                let vectors = vectors.clone();
                blocking(move || {
                    let ids = vectors.iter().map(String::as_str).collect::<Vec<_>>();
                    index.remove(&ids)
                })
                .await?;
            }
        }
        self.archive.store.forget_removals(&removals).await?;
        Ok(true)
    }

    /// Tells the indexes attributes that were changed; gives whether there were any.
    async fn tell(&self, store: &VectorStoreRow) -> Result<bool, TendError> {
        let writer = self.app.vector_stores.writer(self.store);
        let _writing = writer.lock().await;
        let rows = self.archive.store.stale_store_files(self.store, TOLD_TOGETHER).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        for index in self.indexes(store).await? {
            let known = rows
                .iter()
                .map(|row| (row.vector_id.clone(), known_of(&row.attributes, &row.kind)));
            let known = known.collect::<Vec<_>>();
            blocking(move || {
                known.iter().try_for_each(|(id, attributes)| {
                    // One that waits has no vector yet, and gets its newest attributes with it.
                    index.set_attributes(id, attributes).map(drop)
                })
            })
            .await?;
        }
        for row in &rows {
            self.archive.store.freshen_store_file(row).await?;
        }
        Ok(true)
    }

    /// Embeds files and puts them into an index.
    async fn embed(
        &self,
        page: Vec<Claimed>,
        target: &Target,
        purpose: Purpose,
        payer: Option<&str>,
    ) -> Result<Step, TendError> {
        let fail_all = |problem: &Problem| {
            let unmade =
                |claimed: &Claimed| Unmade { row: claimed.row.clone(), problem: problem.clone() };
            page.iter().map(unmade).collect::<Vec<_>>()
        };
        let model = match self.app.registry.get(Some(&target.model), PATIENCE).await {
            Ok(model) if model.description.fingerprint == target.fingerprint => model,
            Ok(model) => {
                let message = format!(
                    "the model {} is not what it was when the store was made: {} instead of {}; reindex the store",
                    target.model, model.description.fingerprint, target.fingerprint
                );
                let unmade = fail_all(&Problem::fault("server_error", message));
                return self.settle_failures(unmade, target, purpose).await;
            }
            Err(error) => {
                let unmade = fail_all(&Problem::of(&error));
                return self.settle_failures(unmade, target, purpose).await;
            }
        };
        let works = page.into_iter().map(|claimed| self.make(claimed, target, &model, payer));
        let made = stream::iter(works.collect::<Vec<_>>()).buffered(TOGETHER);
        let made = made.collect::<Vec<Result<Made, Unmade>>>().await;
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for made in made {
            match made {
                Ok(made) => good.push(made),
                Err(unmade) => bad.push(unmade),
            }
        }
        bad.extend(self.put(good, target, purpose).await?);
        self.settle_failures(bad, target, purpose).await
    }

    async fn make(
        &self,
        claimed: Claimed,
        target: &Target,
        model: &Arc<LoadedModel>,
        payer: Option<&str>,
    ) -> Result<Made, Unmade> {
        let unmade = |problem| Unmade { row: claimed.row.clone(), problem };
        let Ok(_permit) = self.app.vector_stores.files_at_once.acquire().await else {
            return Err(unmade(Problem::Later(PAUSE)));
        };
        let contents = read(self.app, self.archive, &claimed).await.map_err(unmade)?;
        let kind = contents.kind();
        let payer = payer.or(claimed.row.key_id.as_deref());
        let (number, id) = (target.number, &target.model);
        let purse = set_aside(self.app, &claimed.row, payer, number, id, &contents).await;
        let purse = purse.map_err(unmade)?;
        let (content, excerpt) = match contents {
            Contents::Picture(bytes) => (Content::Image(ImageSource::Bytes(bytes)), String::new()),
            Contents::Text(text) => {
                let excerpt = excerpt(model, &text).map_err(unmade)?;
                (Content::Text(text), excerpt)
            }
        };
        let embedded = work::embed_in_background(self.app, model, content).await;
        let embedded = embedded.map_err(|error| unmade(Problem::of(&error)))?;
        Ok(Made { claimed, kind, excerpt, embedded, purse })
    }

    /// Puts vectors into the index, and then lets their files be found; gives those that do not fit.
    async fn put(
        &self,
        made: Vec<Made>,
        target: &Target,
        purpose: Purpose,
    ) -> Result<Vec<Unmade>, TendError> {
        if made.is_empty() {
            return Ok(Vec::new());
        }
        let index = self.index(target).await?;
        let writer = self.app.vector_stores.writer(self.store);
        let _writing = writer.lock().await;
        let (mut good, mut bad, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for made in made {
            let id = &made.claimed.row.vector_id;
            // They may have been changed meanwhile.
            let attributes = self.archive.store.store_file_attributes(id).await?;
            let attributes = known_of(attributes.as_deref().unwrap_or("{}"), made.kind);
            let entry = Entry { id, vector: &made.embedded.row, attributes: &attributes };
            if let Err(error) = entry.check(index.space()) {
                let problem = Problem::fault("server_error", error.to_string());
                bad.push(Unmade { row: made.claimed.row, problem });
                continue;
            }
            rows.push(Row { id: id.clone(), vector: Arc::clone(&made.embedded.row), attributes });
            good.push(made);
        }
        let to = index.clone();
        blocking(move || to.put(&rows.iter().map(Row::entry).collect::<Vec<_>>())).await?;
        let mut unwanted = Vec::new();
        for Made { claimed, kind, excerpt, embedded, purse } in good {
            let payment =
                purse.and_then(|purse| purse.payment(&embedded, &target.model, self.store));
            let done = Completion {
                row: &claimed.row,
                index_number: target.number,
                kind,
                excerpt: &excerpt,
                usage_bytes: (target.dimensions * size_of::<f32>()) as i64,
            };
            let outcome = match purpose {
                Purpose::Add => self.archive.store.complete_store_file(&done, payment).await?,
                Purpose::Move => self.archive.store.complete_moved_file(&done, payment).await?,
            };
            if outcome == Outcome::Unwanted {
                unwanted.push(claimed.row.vector_id);
            }
        }
        if !unwanted.is_empty() {
            let (from, ids) = (index.clone(), unwanted.clone());
            blocking(move || from.remove(&ids.iter().map(String::as_str).collect::<Vec<_>>()))
                .await?;
            for id in &unwanted {
                self.archive.store.give_back_store_file(id).await?;
            }
        }
        Ok(bad)
    }

    /// Notes why files have no vector, or lets them wait.
    async fn settle_failures(
        &self,
        failures: Vec<Unmade>,
        target: &Target,
        purpose: Purpose,
    ) -> Result<Step, TendError> {
        let mut step = Step::Again;
        for Unmade { row, problem } in failures {
            match (problem, purpose) {
                (Problem::Later(seconds), _) => {
                    step = Step::Later(seconds.max(1));
                    if purpose == Purpose::Add {
                        self.archive.store.give_back_store_file(&row.vector_id).await?;
                    }
                }
                (Problem::Fault(error), Purpose::Add) => {
                    self.archive.store.fail_store_file(&row.vector_id, &error).await?;
                }
                (Problem::Fault(FileError { message, .. }), Purpose::Move) => {
                    let why = format!("{} ({}): {message}", row.file_id, row.filename);
                    self.archive.store.give_up_reindex(self.store, target.number, &why).await?;
                    return Ok(Step::Again);
                }
            }
        }
        Ok(step)
    }
}

/// A vector on its way into an index.
struct Row {
    id: String,
    vector: Arc<[f32]>,
    attributes: Attributes,
}

impl Row {
    fn entry(&self) -> Entry<'_> {
        Entry { id: &self.id, vector: &self.vector, attributes: &self.attributes }
    }
}

/// What the index knows of a file: its attributes, and whether it is a picture.
fn known_of(attributes: &str, kind: &str) -> Attributes {
    let mut known = serde_json::from_str::<Attributes>(attributes).unwrap_or_default();
    known.insert(KIND.to_owned(), kind.into());
    known
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, TendError> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| ApiError::internal("the work on an index failed"))??)
}
