//! What the server says a model consists of.

use serde::Deserialize;

use crate::HubError;
use crate::http::Client;
use crate::identity::{ModelId, is_plain_name};

/// A model of many thousand files is still below this.
const LISTING_LIMIT: u64 = 32 << 20;
/// The longest text about a wrong reply.
const LONGEST_QUOTE: usize = 200;

/// The commit of a revision and the files that it has.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) commit: String,
    files: Vec<String>,
}

#[derive(Deserialize)]
struct Reply {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl Listing {
    /// Asks the server.
    pub(crate) fn fetch(client: &Client, id: &ModelId, revision: &str) -> Result<Self, HubError> {
        // The two characters of a checked revision that mean something else in an address.
        let escaped = revision.replace('/', "%2F").replace('+', "%2B");
        let url = format!("{}/api/models/{}/revision/{escaped}", client.endpoint(), id.as_str());
        let what = format!("model {} at revision {revision}", id.as_str());
        let answer = client.get(&url, 0, &what)?;
        let reply = answer.read(LISTING_LIMIT)?;
        // The reply may be anything, and the error quotes it.
        let wrong = |problem: String| HubError::Answer {
            url: url.clone(),
            problem: problem.chars().take(LONGEST_QUOTE).collect(),
        };
        let reply: Reply = serde_json::from_slice(&reply)
            .map_err(|error| wrong(format!("not a list of files: {:?}", error.to_string())))?;
        if !is_plain_name(&reply.sha) {
            return Err(wrong(format!("{:?} is not a commit", reply.sha)));
        }
        Ok(Self {
            commit: reply.sha,
            files: reply.siblings.into_iter().map(|file| file.rfilename).collect(),
        })
    }

    /// Whether the model has a file.
    pub(crate) fn has(&self, file: &str) -> bool {
        self.files.iter().any(|name| name == file)
    }
}
