#![forbid(unsafe_code)]
//! Pictures with captions to train on: pictograms of many vendors on backgrounds, and drawn scenes of shapes.
//!
//! Why it exists: a model that ships with the program must be trained from what an ordinary machine can make. A
//! [`Generator`] makes example after example from a seed and an index, so that a training that was interrupted sees the
//! same data as one that was not, on any machine.
//!
//! * [`Artwork`] is what `recipes/mini/prepare.py` writes: drawings of pictograms by many vendors, and their names in a
//!   hundred languages. One vendor is held out and is never read here.
//! * [`Scene`] is the meaning of a drawn scene: shapes, colours, counts, sizes, textures, places. [`Grammar`] says it in
//!   twenty languages. One [`Combination`] of shape, colour and count in ten is held out ([`Split`]).
//! * [`Example::key`] is equal exactly for examples whose captions mean the same, so that a loss can leave out pairs that
//!   are negatives in name only.
//!
//! What it does not do: no models, no tokens, no shuffling, no threads beyond loading.

mod artwork;
mod augment;
mod background;
mod canvas;
mod caption;
mod combination;
mod error;
mod generator;
mod grammar;
mod names;
mod paint;
mod piece;
mod random;
mod scene;
mod settings;
mod shapes;
mod sprite;
mod style;

pub use artwork::{Artwork, ArtworkSettings};
pub use augment::Augmentation;
pub use combination::{Colour, Combination, MOST, Position, Relation, Shape, Size, Split, Texture};
pub use error::ScenesError;
pub use generator::{Caption, Content, Example, Generator};
pub use grammar::Grammar;
pub use names::Names;
pub use paint::draw_plain;
pub use scene::{Group, Scene};
pub use settings::{LanguageWeight, Settings, XM3600};
