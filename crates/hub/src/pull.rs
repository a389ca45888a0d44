//! The door of the crate.

use std::path::PathBuf;

use crate::HubError;
use crate::download::{Download, Patience};
use crate::http::Client;
use crate::identity::{ModelId, check_revision};
use crate::layout::ModelFolder;
use crate::list::{CachedModel, list};
use crate::listing::Listing;
use crate::options::{HubOptions, Network};
use crate::progress::Progress;
use crate::snapshot::{CONFIG, INDEX, SMALL_FILES, WEIGHTS, is_complete, shards};

/// A cache of models and the server that fills it.
#[derive(Debug)]
pub struct Hub {
    options: HubOptions,
    client: Client,
}

impl Hub {
    /// Takes the options; touches neither the disk nor the network.
    ///
    /// # Errors
    /// [`HubError::Address`] if the endpoint or the proxy is no usable address.
    pub fn new(options: HubOptions) -> Result<Self, HubError> {
        let client = Client::new(&options)?;
        Ok(Self { options, client })
    }

    /// The folder of a model that is in the cache already, whoever put it there; the network is not used.
    ///
    /// A snapshot counts when it has its configuration and all its weights. `revision` is a branch, a tag or a full
    /// commit; `main` is the usual one.
    ///
    /// # Errors
    /// If the id or the revision is none, or the cache cannot be read.
    pub fn find(&self, id: &str, revision: &str) -> Result<Option<PathBuf>, HubError> {
        let id = ModelId::new(id)?;
        check_revision(revision)?;
        let folder = ModelFolder::new(&self.options.cache, &id);
        let snapshot = folder.commit(revision)?.map(|commit| folder.snapshot(&commit));
        Ok(snapshot.filter(|snapshot| is_complete(snapshot)))
    }

    /// Brings a model into the cache and gives its folder: configuration, preprocessing, tokenizer and safetensors
    /// weights as they are at `revision` now. Files that are there are not downloaded again, and a download that was
    /// cut off goes on where it ended.
    ///
    /// With the network off, this is [`find`](Self::find).
    ///
    /// # Errors
    /// See [`HubError`]. What was downloaded before the error stays and is used by the next pull, unless its hash
    /// was wrong.
    pub fn pull(
        &self,
        id: &str,
        revision: &str,
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, HubError> {
        if self.options.network == Network::Offline {
            return self.find(id, revision)?.ok_or_else(|| HubError::Offline {
                id: id.to_owned(),
                revision: revision.to_owned(),
            });
        }
        let id = ModelId::new(id)?;
        check_revision(revision)?;
        let listing = self.listing(&id, revision, progress)?;
        let no_file = |missing| HubError::NoFile {
            id: id.as_str().to_owned(),
            revision: revision.to_owned(),
            missing,
        };
        let weights = if !listing.has(CONFIG) {
            return Err(no_file(CONFIG));
        } else if listing.has(WEIGHTS) {
            WEIGHTS
        } else if listing.has(INDEX) {
            INDEX
        } else {
            return Err(no_file("model.safetensors"));
        };
        let pull = Pull {
            hub: self,
            folder: ModelFolder::new(&self.options.cache, &id),
            id: &id,
            commit: &listing.commit,
        };
        // The small files first: they fail early, and a bar that shows the weights is worth looking at.
        for file in SMALL_FILES.into_iter().filter(|file| listing.has(file)) {
            pull.bring(file, progress)?;
        }
        pull.bring(weights, progress)?;
        let snapshot = pull.folder.snapshot(&listing.commit);
        if weights == INDEX {
            let shards = shards(&snapshot.join(INDEX))
                .filter(|shards| shards.iter().all(|shard| listing.has(shard)))
                .ok_or_else(|| no_file("readable index whose shards are all there"))?;
            for shard in &shards {
                pull.bring(shard, progress)?;
            }
        }
        pull.folder.write_commit(revision, &listing.commit)?;
        Ok(snapshot)
    }

    /// The SigLIP-like models of the cache, in the order of their ids.
    ///
    /// # Errors
    /// If a folder of the cache cannot be read. A cache that does not exist is empty.
    pub fn list(&self) -> Result<Vec<CachedModel>, HubError> {
        list(&self.options.cache)
    }

    fn listing(
        &self,
        id: &ModelId,
        revision: &str,
        progress: &mut dyn Progress,
    ) -> Result<Listing, HubError> {
        let mut patience = Patience::new(&self.options);
        loop {
            match Listing::fetch(&self.client, id, revision) {
                Ok(listing) => return Ok(listing),
                Err(error) => patience.bear(error, id.as_str(), progress)?,
            }
        }
    }
}

/// A pull whose commit is known.
struct Pull<'a> {
    hub: &'a Hub,
    folder: ModelFolder,
    id: &'a ModelId,
    commit: &'a str,
}

impl Pull<'_> {
    /// Brings one file into the snapshot.
    fn bring(&self, file: &str, progress: &mut dyn Progress) -> Result<(), HubError> {
        // What a commit holds never changes: a file that is there is the right one.
        if self.folder.snapshot(self.commit).join(file).is_file() {
            progress.report(crate::Event::Present { file });
            return Ok(());
        }
        let client = &self.hub.client;
        let url =
            format!("{}/{}/resolve/{}/{file}", client.endpoint(), self.id.as_str(), self.commit);
        let download =
            Download { client, options: &self.hub.options, folder: &self.folder, file, url: &url };
        let etag = download.run(progress)?;
        self.folder.link(self.commit, file, &etag)
    }
}
