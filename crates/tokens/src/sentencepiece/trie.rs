//! A byte trie over a sorted set of strings.
//!
//! Nodes are numbered level by level, so the children of a node are neighbours and one sorted run of labels: building
//! is one pass over the sorted strings, a step is a search in that run, and no input makes either slow.

/// Marks a node at which no string ends.
const NO_VALUE: u32 = u32::MAX;

/// A string and the number stored for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub key: &'a [u8],
    /// Anything below `u32::MAX`.
    pub value: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The children are the nodes from here to the `first_child` of the next node.
    first_child: u32,
    value: u32,
}

/// The entries that share the prefix of one node, while the trie is built.
struct Span {
    start: u32,
    end: u32,
    depth: u32,
}

/// The trie; node 0 is the root.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    /// `labels[n]` is the byte on the edge that leads to node `n`.
    labels: Vec<u8>,
    /// The child of the root for every byte, 0 for none.
    root: Box<[u32]>,
}

impl Trie {
    /// Builds the trie.
    ///
    /// `entries` must be sorted by key, without duplicates and without the empty string, and hold fewer than `u32::MAX`
    /// bytes in all; a breach makes look-ups incomplete, never unsound.
    pub fn build(entries: &[Entry<'_>]) -> Self {
        let mut nodes: Vec<Node> = Vec::new();
        let mut labels = vec![0u8];
        let mut spans = vec![Span { start: 0, end: entries.len() as u32, depth: 0 }];
        let mut next = 0;
        while next < spans.len() {
            let Span { start, end, depth } = spans[next];
            let mut inside = &entries[start as usize..end as usize];
            let at = depth as usize;
            let mut value = NO_VALUE;
            while let [first, others @ ..] = inside
                && first.key.len() == at
            {
                value = first.value;
                inside = others;
            }
            nodes.push(Node { first_child: spans.len() as u32, value });
            let mut start = end - inside.len() as u32;
            for run in inside.chunk_by(|a, b| a.key[at] == b.key[at]) {
                labels.push(run[0].key[at]);
                spans.push(Span { start, end: start + run.len() as u32, depth: depth + 1 });
                start += run.len() as u32;
            }
            next += 1;
        }
        let mut root = vec![0u32; 256].into_boxed_slice();
        let children_of_root = 1..nodes.get(1).map_or(1, |node| node.first_child as usize);
        for child in children_of_root {
            root[usize::from(labels[child])] = child as u32;
        }
        // The end of the last node's children.
        nodes.push(Node { first_child: spans.len() as u32, value: NO_VALUE });
        Self { nodes, labels, root }
    }

    /// The root, where every walk starts.
    pub const ROOT: u32 = 0;

    /// The node one byte further, if any key goes there.
    #[inline]
    pub fn step(&self, node: u32, byte: u8) -> Option<u32> {
        if node == Self::ROOT {
            let child = self.root[usize::from(byte)];
            return (child != 0).then_some(child);
        }
        let first = self.nodes[node as usize].first_child as usize;
        let last = self.nodes[node as usize + 1].first_child as usize;
        let labels = &self.labels[first..last];
        let index = if labels.len() <= 8 {
            labels.iter().position(|&label| label == byte)?
        } else {
            labels.binary_search(&byte).ok()?
        };
        Some((first + index) as u32)
    }

    /// The value of the key that ends at a node.
    #[inline]
    pub fn value(&self, node: u32) -> Option<u32> {
        let value = self.nodes[node as usize].value;
        (value != NO_VALUE).then_some(value)
    }

    /// The value of a whole key.
    pub fn get(&self, key: &[u8]) -> Option<u32> {
        let node = key.iter().try_fold(Self::ROOT, |node, &byte| self.step(node, byte))?;
        self.value(node)
    }

    /// The longest key that `text` starts with.
    pub fn longest_prefix(&self, text: &[u8]) -> Option<Prefix> {
        let mut node = Self::ROOT;
        let mut found = None;
        for (index, &byte) in text.iter().enumerate() {
            let Some(child) = self.step(node, byte) else {
                break;
            };
            node = child;
            if let Some(value) = self.value(node) {
                found = Some(Prefix { length: index + 1, value });
            }
        }
        found
    }
}

/// A key found at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// Bytes.
    pub length: usize,
    /// The number stored for it.
    pub value: u32,
}
