//! Vectors that were computed before, bounded by their bytes.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use crate::metrics::CacheMetrics;

/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// What a vector costs beside its numbers: key, list entries, allocation. An estimate.
const OVERHEAD: u64 = 128;

/// A vector by what it was computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Of the loaded model.
    pub(crate) generation: u64,
    /// Of the picture's bytes, or of a label with its templates.
    pub(crate) content: Hash,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<[f32]>> for Bytes {
    fn weight(&self, _key: &Key, row: &Arc<[f32]>) -> u64 {
        size_of_val::<[f32]>(row) as u64 + OVERHEAD
    }
}

/// A bounded map from contents to rows of length 1; the least useful go first.
pub(crate) struct VectorCache {
    rows: Cache<Key, Arc<[f32]>, Bytes>,
    metrics: CacheMetrics,
}

impl VectorCache {
    /// A cache of so many bytes; 0 keeps nothing.
    pub(crate) fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        let expected = (bytes / (768 * 4 + OVERHEAD)).clamp(16, 1 << 20);
        Self { rows: Cache::with_weighter(expected as usize, bytes, Bytes), metrics }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<[f32]>> {
        let row = self.rows.get(key);
        if row.is_some() { &self.metrics.hits } else { &self.metrics.misses }.inc();
        row
    }

    pub(crate) fn insert(&self, key: Key, row: Arc<[f32]>) {
        self.rows.insert(key, row);
        self.metrics.bytes.set(self.rows.weight() as i64);
    }
}

/// The hash of parts, each of which keeps its own end.
pub(crate) fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(content: u8) -> Key {
        Key { generation: 1, content: [content; 32] }
    }

    #[test]
    fn it_never_holds_more_than_its_bytes() {
        let metrics = CacheMetrics::default();
        let cache = VectorCache::new(10_000, metrics.clone());
        for content in 0..=255 {
            cache.insert(key(content), vec![0.5; 100].into());
            assert!(cache.rows.weight() <= 10_000);
        }
        let kept = (0..=255).filter(|content| cache.get(&key(*content)).is_some()).count() as u64;
        assert!(kept > 0 && kept * 528 <= 10_000, "{kept} rows are kept");
        assert_eq!(metrics.hits.get(), kept);
        assert_eq!(metrics.misses.get(), 256 - kept);
    }

    #[test]
    fn another_generation_of_a_model_has_other_vectors() {
        let cache = VectorCache::new(10_000, CacheMetrics::default());
        cache.insert(key(1), vec![1.0].into());
        assert!(cache.get(&Key { generation: 2, ..key(1) }).is_none());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let hash_of = |parts: &[&str]| hash(parts.iter().map(|part| part.as_bytes()));
        assert_ne!(hash_of(&["ab", "c"]), hash_of(&["a", "bc"]));
        assert_eq!(hash_of(&["ab", "c"]), hash_of(&["ab", "c"]));
    }
}
