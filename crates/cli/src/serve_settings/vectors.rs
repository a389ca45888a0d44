//! Where the vectors of new vector stores are.

use std::sync::Arc;

use index::IndexServer;

use super::finder::Finder;
use crate::arguments::serve::VectorsArguments;
use crate::exit::UsageError;
use crate::keys;

impl<'a> Finder<'a> {
    /// The Qdrant that keeps them; `None`: the server itself finds a place.
    pub(super) fn vectors(
        &self,
        arguments: &'a VectorsArguments,
    ) -> Result<Option<Arc<dyn IndexServer>>, UsageError> {
        let key = self.secret(&keys::QDRANT_API_KEY, arguments.qdrant_api_key.as_ref());
        let key = key.map(|key| key.read(|text| Ok::<_, String>(text.to_owned()))).transpose()?;
        let url = self.given(&keys::QDRANT, arguments.qdrant.as_ref());
        let url = url.filter(|url| !url.text.is_empty());
        url.map(|url| url.read(|text| open(text, key))).transpose()
    }
}

#[cfg(feature = "qdrant")]
fn open(url: &str, key: Option<String>) -> Result<Arc<dyn IndexServer>, index::IndexError> {
    Ok(Arc::new(store::Qdrant::new(url, key)?))
}

#[cfg(not(feature = "qdrant"))]
fn open(_: &str, _: Option<String>) -> Result<Arc<dyn IndexServer>, &'static str> {
    Err("this program was built without the feature qdrant")
}
