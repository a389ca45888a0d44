//! One file from the server into the cache: lock, resume, try again, check, name.

use std::fs::TryLockError;
use std::io::Read;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::HubError;
use crate::http::{Client, Facts};
use crate::layout::{ModelFolder, create_parent};
use crate::options::HubOptions;
use crate::part::Part;
use crate::progress::{Event, Progress};

const CHUNK: usize = 1 << 18;
/// How often a lock that another process holds is tried.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// How many failures in a row there were, and how many are borne.
pub(crate) struct Patience {
    attempts: u32,
    pause: Duration,
    failures: u32,
}

impl Patience {
    pub(crate) fn new(options: &HubOptions) -> Self {
        Self { attempts: options.attempts, pause: options.pause, failures: 0 }
    }

    /// Takes a failure: waits when it may pass, gives it back when it will not or when there were too many.
    pub(crate) fn bear(
        &mut self,
        error: HubError,
        file: &str,
        progress: &mut dyn Progress,
    ) -> Result<(), HubError> {
        self.failures += 1;
        if !error.is_passing() || self.failures >= self.attempts {
            return Err(error);
        }
        let pause = self.pause.saturating_mul(1 << (self.failures - 1).min(4));
        progress.report(Event::Retrying { file, problem: &error.to_string(), pause });
        sleep(pause);
        Ok(())
    }

    /// Something arrived: the failures before it no longer count.
    fn relax(&mut self) {
        self.failures = 0;
    }
}

/// A file of a model, on its way into the cache.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) options: &'a HubOptions,
    pub(crate) folder: &'a ModelFolder,
    /// Its name in the model.
    pub(crate) file: &'a str,
    /// Its address at the endpoint.
    pub(crate) url: &'a str,
}

impl Download<'_> {
    /// Asks what the file is, and downloads it unless the cache has its contents already. Gives the etag.
    pub(crate) fn run(&self, progress: &mut dyn Progress) -> Result<String, HubError> {
        let Facts { etag, length } = self.ask(progress)?;
        let wrong = |problem: String| HubError::Answer { url: self.url.to_owned(), problem };
        let etag = etag.ok_or_else(|| wrong("the server gives the file no etag".to_owned()))?;
        if !crate::identity::is_plain_name(&etag) {
            return Err(wrong(format!("the etag {etag:?} cannot name a file")));
        }
        let blob = self.folder.blob(&etag);
        if is_there(&blob, length) {
            progress.report(Event::Present { file: self.file });
            return Ok(etag);
        }
        let _lock = self.lock(&etag, progress)?;
        // Whoever held the lock may have brought the file.
        if is_there(&blob, length) {
            progress.report(Event::Present { file: self.file });
            return Ok(etag);
        }
        let mut part = Part::open(&self.folder.part(&etag), &etag, length)?;
        self.fill(&mut part, &etag, length, progress)?;
        part.finish(&blob, self.file, &etag, length)?;
        progress.report(Event::Finished { file: self.file });
        Ok(etag)
    }

    fn ask(&self, progress: &mut dyn Progress) -> Result<Facts, HubError> {
        let mut patience = Patience::new(self.options);
        loop {
            match self.client.head(self.url, self.file) {
                Ok(facts) => return Ok(facts),
                Err(error) => patience.bear(error, self.file, progress)?,
            }
        }
    }

    /// Takes the lock of a blob, and waits for whoever has it. It is given back when the file is closed.
    fn lock(&self, etag: &str, progress: &mut dyn Progress) -> Result<fs_err::File, HubError> {
        let path = self.folder.lock(etag);
        create_parent(&path)?;
        let lock =
            fs_err::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        let mut has_waited = false;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => {
                    if !has_waited {
                        progress.report(Event::Waiting { file: self.file });
                        has_waited = true;
                    }
                    sleep(LOCK_PAUSE);
                }
                // Some network file systems have no locks: the rename at the end still keeps blobs whole.
                Err(TryLockError::Error(error))
                    if error.kind() == std::io::ErrorKind::Unsupported =>
                {
                    return Ok(lock);
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// Requests what is missing, again and again for as long as that helps.
    fn fill(
        &self,
        part: &mut Part,
        etag: &str,
        total: Option<u64>,
        progress: &mut dyn Progress,
    ) -> Result<(), HubError> {
        progress.report(Event::Started { file: self.file, done: part.length(), total });
        let mut patience = Patience::new(self.options);
        let mut furthest = part.length();
        while total != Some(part.length()) {
            match self.attempt(part, etag, total, progress) {
                Ok(()) => break,
                Err(error) => {
                    // The furthest point counts, not the last one: a server that makes us start over and over must
                    // not look like one that gets on.
                    let is_fruitful = part.length() > furthest;
                    if is_fruitful {
                        furthest = part.length();
                        patience.relax();
                    }
                    patience.bear(error, self.file, progress)?;
                    if is_fruitful {
                        patience.relax();
                    }
                }
            }
        }
        Ok(())
    }

    /// One request from where the part ends to the end of the file.
    fn attempt(
        &self,
        part: &mut Part,
        etag: &str,
        total: Option<u64>,
        progress: &mut dyn Progress,
    ) -> Result<(), HubError> {
        let from = part.length();
        let answer = self.client.get(self.url, from, self.file)?;
        let broken = |problem: String| HubError::Network { url: answer.url.clone(), problem };
        let resumes_at = match answer.response.status().as_u16() {
            206 => answer.header("content-range").and_then(range_start),
            200 => Some(0),
            _ => None,
        };
        if resumes_at != Some(from) {
            part.restart(etag, total)?;
        }
        if resumes_at != Some(from) && resumes_at != Some(0) {
            return Err(broken(format!("the server did not resume at byte {from}")));
        }
        let announced: Option<u64> =
            answer.header("content-length").and_then(|length| length.parse().ok());
        if let (Some(total), Some(announced)) = (total, announced)
            && part.length().checked_add(announced) != Some(total)
        {
            return Err(HubError::Length {
                file: self.file.to_owned(),
                expected: total,
                found: part.length().saturating_add(announced),
            });
        }
        let url = answer.url.clone();
        let broken = |problem: String| HubError::Network { url: url.clone(), problem };
        let mut body = answer.response.into_body().into_reader();
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = body.read(&mut chunk).map_err(|error| broken(error.to_string()))?;
            if count == 0 {
                break;
            }
            part.append(&chunk[..count])?;
            progress.report(Event::Advanced { file: self.file, done: part.length(), total });
            // More than announced: no need to take it all before saying so.
            if total.is_some_and(|total| part.length() > total) {
                return Ok(());
            }
        }
        match total {
            Some(total) if part.length() < total => {
                Err(broken(format!("the connection ended at byte {} of {total}", part.length())))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a blob is there, in the length that the server announces.
fn is_there(blob: &Path, length: Option<u64>) -> bool {
    fs_err::metadata(blob).is_ok_and(|metadata| {
        metadata.is_file() && length.is_none_or(|length| length == metadata.len())
    })
}

/// The first byte of a `Content-Range`, like `bytes 100-199/200`.
fn range_start(value: &str) -> Option<u64> {
    value.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}
