//! What mapping promises about memory, measured on Linux.
#![cfg(target_os = "linux")]

use std::path::Path;

use safetensors::Dtype as StoredType;
use weights::{Checkpoint, Tower};

use crate::folder::{Stored, tiny};

/// How much of a mapped file is in this process's memory, in bytes.
fn resident_bytes(path: &Path) -> u64 {
    let maps = fs_err::read_to_string("/proc/self/smaps").unwrap();
    let mut lines = maps.lines().skip_while(|line| !line.ends_with(path.to_str().unwrap()));
    let line = lines.find(|line| line.starts_with("Rss:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    1024 * kib
}

#[test]
fn reading_brings_pages_in_and_release_gives_them_back() {
    const MIB: u64 = 1 << 20;
    const TABLE: usize = 64 << 20;
    let mut folder = tiny();
    let rows = TABLE / 16;
    folder.config["text_config"]["vocab_size"] = rows.into();
    let table = Stored { dtype: StoredType::F32, shape: vec![rows, 4], data: vec![1; TABLE] };
    let name = "embeddings.token_embedding.weight";
    folder.tensors.insert(format!("text_model.{name}"), table);
    let written = folder.write();

    let resident = || resident_bytes(&written.path().join("model.safetensors"));

    let checkpoint = Checkpoint::open(written.path()).unwrap();
    assert_eq!(resident(), 0, "opening read data");

    let tensor = checkpoint.tensor(Tower::Text, name).unwrap();
    // A row brings its neighbourhood along, up to a huge page of 2 MiB where the system keeps files in such.
    let mut row = [0.0; 4];
    for index in (0..rows).step_by(rows / 4) {
        tensor.read_f32(4 * index, &mut row);
    }
    let rows_read = resident();
    assert!(rows_read < 12 * MIB, "4 rows brought in {rows_read} bytes");

    drop(tensor.to_f32());
    let read = resident();
    assert!(read > TABLE as u64 / 2, "the measurement does not see the pages");
    tensor.release();
    let released = resident();
    assert!(released < 4 * MIB, "{released} bytes stayed");

    let mut chunk = vec![0.0; 1 << 18];
    let mut peak = 0;
    for begin in (0..tensor.elements()).step_by(chunk.len()) {
        tensor.read_f32(begin, &mut chunk);
        tensor.release_range(begin, chunk.len());
        peak = peak.max(resident());
    }
    assert!(peak < 6 * MIB, "{peak} bytes at the peak");
}
