//! What most tests need: a server with a tiny model, an empty cache, and a hub between them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hub::{Event, Hub, HubError, HubOptions, Progress, Silent};
use tempfile::TempDir;

use crate::server::{COMMIT, ID, Server, etag};

pub const WEIGHTS: &str = "model.safetensors";

/// The events of a pull, as text.
#[derive(Default)]
pub struct Recorded(pub Vec<String>);

impl Progress for Recorded {
    fn report(&mut self, event: Event<'_>) {
        self.0.push(format!("{event:?}"));
    }
}

impl Recorded {
    /// How many events there were of a kind, for a file.
    pub fn count(&self, kind: &str, file: &str) -> usize {
        let file = format!("file: {file:?}");
        self.0.iter().filter(|event| event.starts_with(kind) && event.contains(&file)).count()
    }
}

/// A server and a cache.
pub struct Scene {
    pub server: Server,
    pub cache: TempDir,
    pub weights: Vec<u8>,
}

impl Scene {
    /// A model with 1,000,003 bytes of weights, small files, and files that nobody wants.
    pub fn new() -> Self {
        let weights: Vec<u8> = (0..1_000_003_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        let files: &[(&str, &[u8])] = &[
            (".gitattributes", b"*.safetensors filter=lfs"),
            ("README.md", b"# tiny"),
            ("config.json", br#"{"model_type":"siglip"}"#),
            ("preprocessor_config.json", br#"{"resample":3}"#),
            ("pytorch_model.bin", b"pickle"),
            ("spiece.model", b"pieces"),
            ("tokenizer_config.json", b"{}"),
            (WEIGHTS, &weights),
        ];
        Self { server: Server::start(files), cache: tempfile::tempdir().unwrap(), weights }
    }

    /// Options with little patience.
    pub fn options(&self) -> HubOptions {
        let mut options = HubOptions::new(self.cache.path().to_owned());
        options.endpoint.clone_from(&self.server.address);
        options.pause = Duration::from_millis(1);
        options.stall_timeout = Duration::from_millis(300);
        options.attempts = 3;
        options
    }

    pub fn hub(&self) -> Hub {
        Hub::new(self.options()).unwrap()
    }

    pub fn pull(&self) -> Result<PathBuf, HubError> {
        self.hub().pull(ID, "main", &mut Silent)
    }

    /// The error of a pull that must fail.
    pub fn pull_error(&self) -> String {
        self.pull().unwrap_err().to_string()
    }

    pub fn folder(&self) -> PathBuf {
        self.cache.path().join("models--org--tiny-siglip")
    }

    pub fn snapshot(&self) -> PathBuf {
        self.folder().join("snapshots").join(COMMIT)
    }

    /// The place of the weights' blob, or of its part.
    pub fn blob(&self, ending: &str) -> PathBuf {
        let etag = etag(WEIGHTS, &self.weights);
        self.folder().join("blobs").join(etag + ending)
    }

    /// Puts the beginning of a download into the cache, as a killed process leaves it.
    pub fn leave_part(&self, contents: &[u8]) {
        let part = self.blob(".incomplete");
        fs_err::create_dir_all(part.parent().unwrap()).unwrap();
        fs_err::write(part, contents).unwrap();
    }

    /// The weights in the snapshot are those of the server, and no part is left.
    pub fn assert_complete(&self) {
        let pulled = fs_err::read(self.snapshot().join(WEIGHTS)).unwrap();
        assert!(pulled == self.weights, "the weights differ");
        assert!(!self.blob(".incomplete").exists());
        assert_eq!(self.hub().find(ID, "main").unwrap(), Some(self.snapshot()));
    }
}

/// The names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}
