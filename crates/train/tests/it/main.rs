//! The trainer against PyTorch's gradients, and each loss against its naive twin.

mod gradients;
mod losses;
mod names;
mod processes;
mod resume;
