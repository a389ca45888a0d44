//! Pictures with labels or captions, at random access, as data sets are laid out in practice.
//!
//! [`Dataset::open`] recognises a layout and lists its samples; [`Dataset::sample`] reads one. Tars are walked once and
//! never unpacked: a sample is read from its place in the tar. Training and evaluation read the same way.
//!
//! | layout | what is recognised |
//! |---|---|
//! | a folder for each class | pictures below `CLASS/`; `classnames.txt` renames the folders in their order |
//! | `WebDataset` of `CLIP_benchmark` | `nshards.txt` beside `0.tar`, or in a split's folder such as `test/` |
//! | tars of img2dataset | `*.tar` in a folder, or one tar: `KEY.jpg`, `KEY.txt` or `KEY.json` |
//! | Crossmodal-3600 | `captions.jsonl` |
//! | COCO | a JSON file with `images` and `annotations` that have captions |
//! | a table | CSV or TSV, `NAME.jpg,caption` as of Flickr30k, or columns by name; JSON lines |
//!
//! What this crate does not know: what a model is, how a picture is decoded, the network.
#![forbid(unsafe_code)]

mod caption;
mod class_folders;
mod class_names;
mod coco;
mod crossmodal;
mod csv_table;
mod dataset;
mod error;
mod json_lines;
mod layout;
mod lines;
mod npy;
mod picture_folder;
mod place;
mod records;
mod shards;
mod webdataset;

pub use caption::{Caption, CaptionChoice};
pub use class_names::{LanguageClasses, read_class_names};
pub use dataset::{Dataset, Kind, Options, Sample};
pub use error::DatasetError;
