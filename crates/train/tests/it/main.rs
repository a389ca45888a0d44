//! The trainer against PyTorch's gradients, and each loss against its naive twin.

mod gradients;
mod losses;
mod processes;
mod resume;
