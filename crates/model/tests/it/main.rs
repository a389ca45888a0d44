//! The towers against transformers, stage by stage, on the committed tiny checkpoints; and what
//! the rest of the crate promises.

mod agreement;
mod allocation;
mod end_to_end;
mod errors;
mod folder;
mod full_size;
mod goldens;
mod label_groups;
mod labels;
mod operations;
mod packed_cache;
mod packed_golden;
mod precision;
mod same_bytes;
mod score;
mod stages;
mod templates;
