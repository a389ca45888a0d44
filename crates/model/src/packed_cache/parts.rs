//! Where the parts of a tower come from, and where they go.

use std::cell::RefCell;

use kernels::{Buffer, Compute, Format, PackedLinear};

use super::error::PackedCacheError;
use super::reader::Reader;
use super::writer::Writer;
use crate::ModelError;

/// The parts of a tower, in the order in which it asks for them.
pub(crate) struct Parts(RefCell<Source>);

enum Source {
    /// The checkpoint.
    Checkpoint,
    /// The checkpoint, and each part goes to a file.
    Recorded(Writer),
    /// A file.
    File(Reader),
    /// All was asked for.
    Finished,
}

/// The extents of a linear layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinearShape {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) format: Format,
}

impl Parts {
    pub(super) fn from_checkpoint() -> Self {
        Self(RefCell::new(Source::Checkpoint))
    }

    pub(super) fn recorded_by(writer: Writer) -> Self {
        Self(RefCell::new(Source::Recorded(writer)))
    }

    pub(super) fn from_file(reader: Reader) -> Self {
        Self(RefCell::new(Source::File(reader)))
    }

    /// `count` numbers: `compute_numbers` gives them, unless a file has them.
    pub(crate) fn numbers(
        &self,
        compute: &Compute,
        count: usize,
        compute_numbers: impl FnOnce() -> Result<Vec<f32>, ModelError>,
    ) -> Result<Vec<f32>, ModelError> {
        let source = &mut *self.0.borrow_mut();
        let mut buffer = Buffer::zeroed(count);
        if let Source::File(reader) = source {
            reader.read(compute, buffer.bytes_mut())?;
            return Ok(buffer.to_vec());
        }
        let numbers = compute_numbers()?;
        if let Source::Recorded(writer) = source {
            buffer.copy_from_slice(&numbers);
            writer.add(buffer.bytes());
        }
        Ok(numbers)
    }

    /// A layer: `pack` gives it, unless a file has it.
    pub(crate) fn linear(
        &self,
        compute: &Compute,
        shape: LinearShape,
        pack: impl FnOnce() -> Result<PackedLinear, ModelError>,
    ) -> Result<PackedLinear, ModelError> {
        let source = &mut *self.0.borrow_mut();
        if let Source::File(reader) = source {
            let mut linear = compute.zeroed_linear(shape.format, shape.outputs, shape.inputs);
            for part in linear.bytes_mut() {
                reader.read(compute, part)?;
            }
            return Ok(linear);
        }
        let linear = pack()?;
        if let Source::Recorded(writer) = source {
            linear.bytes().into_iter().for_each(|part| writer.add(part));
        }
        Ok(linear)
    }

    /// Says that the tower has asked for everything: a file that is read must have no more, one that is written is
    /// complete.
    pub(super) fn finish(&self) -> Result<(), PackedCacheError> {
        match self.0.replace(Source::Finished) {
            Source::Checkpoint | Source::Finished => Ok(()),
            Source::Recorded(writer) => writer.finish(),
            Source::File(reader) => reader.finish(),
        }
    }
}
