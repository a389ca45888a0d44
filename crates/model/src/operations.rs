//! How much work an embedding is.

use weights::{Config, Tower};

/// The extents that the count needs.
struct Extents {
    tokens: u64,
    width: u64,
    hidden: u64,
    layers: u64,
}

impl Extents {
    /// Multiplications of all blocks: four projections, the MLP, scores and weighted values.
    fn blocks(&self) -> u64 {
        let Self { tokens, width, hidden, layers } = *self;
        let products = tokens * (4 * width * width + 2 * width * hidden);
        layers * (products + 2 * tokens * tokens * width)
    }
}

/// Operations of one embedding, a multiplication and an addition counted as two, as the definition
/// of the model has them: what an engine leaves out counts as done.
pub fn operations(config: &Config, tower: Tower) -> u64 {
    let count = |number: usize| number as u64;
    let multiplications = match tower {
        Tower::Vision => {
            let vision = &config.vision;
            let extents = Extents {
                tokens: count((vision.image_size / vision.patch_size).pow(2)),
                width: count(vision.hidden_size),
                hidden: count(vision.intermediate_size),
                layers: count(vision.num_hidden_layers),
            };
            let Extents { tokens, width, hidden, .. } = extents;
            let patch = count(vision.num_channels * vision.patch_size.pow(2));
            // Keys and values of every patch; the query, its attention and the MLP once.
            let head = 2 * tokens * width * width + 2 * tokens * width;
            let head = head + 2 * width * width + 2 * width * hidden;
            tokens * patch * width + extents.blocks() + head
        }
        Tower::Text => {
            let text = &config.text;
            let extents = Extents {
                tokens: count(text.max_position_embeddings),
                width: count(text.hidden_size),
                hidden: count(text.intermediate_size),
                layers: count(text.num_hidden_layers),
            };
            extents.blocks() + count(text.hidden_size * text.projection_size)
        }
    };
    2 * multiplications
}
