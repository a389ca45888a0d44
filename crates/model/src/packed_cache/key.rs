//! What the packed bytes of a tower depend on, as one hash.

use std::fmt::Write as _;

use kernels::PACKED_VERSION;
use sha2::{Digest, Sha256};
use weights::{Tower, WeightsError};

use super::Request;

/// The version of what a tower asks its loader for: which parts, in which order, balanced and folded how, in which
/// formats.
///
/// Whoever changes a byte of that adds one (what the kernels pack has a version of its own). The test
/// `packed_golden.rs` has the hashes of each version and fails without it.
const TOWER_VERSION: u32 = 1;

/// Equal keys mean equal packed bytes, as far as [`Checkpoint::identify`](weights::Checkpoint::identify) tells
/// checkpoints apart.
pub(super) type Key = [u8; 32];

/// The key of a tower: versions, instruction set, precision, byte order, configuration, weight files.
pub(super) fn of(request: Request<'_>) -> Result<Key, WeightsError> {
    let Request { checkpoint, .. } = request;
    let order = if cfg!(target_endian = "little") { "little" } else { "big" };
    let mut hash = Sha256::new();
    hash.update(format!(
        "{PACKED_VERSION} {TOWER_VERSION} {} {order}\n{:?} {}\n",
        variant(request),
        checkpoint.config(),
        checkpoint.has_text_head(),
    ));
    checkpoint.identify(&mut |bytes| hash.update(bytes))?;
    Ok(hash.finalize().into())
}

/// The name of a tower's file. It says where the model is, not what is in it, so that the next checkpoint in the same
/// place overwrites the file instead of leaving it behind.
pub(super) fn file_name(request: Request<'_>) -> String {
    let folder = request.checkpoint.folder();
    let folder = fs_err::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let mut name = variant(request) + "-";
    for byte in Sha256::digest(folder.as_os_str().as_encoded_bytes()).iter().take(8) {
        let _infallible = write!(name, "{byte:02x}");
    }
    name + ".packed"
}

fn variant(request: Request<'_>) -> String {
    let tower = match request.tower {
        Tower::Vision => "vision",
        Tower::Text => "text",
    };
    format!("{tower}-{}-{}", request.precision, request.compute.isa())
}
