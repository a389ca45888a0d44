//! Packed towers on disk: never other embeddings, whatever the files hold.

use std::path::{Path, PathBuf};

use kernels::Isa;
use model::{CpuEngine, Engine, Precision};
use tempfile::TempDir;
use weights::Tower;

use crate::goldens::Goldens;

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Bf16, Precision::Int8];

/// What an engine makes of the goldens' inputs, and what it had to say about the folder.
struct Run {
    embeddings: Vec<f32>,
    problems: Vec<String>,
}

/// One input for each tower is enough to compare all of its weights.
fn embed(engine: &CpuEngine, goldens: &Goldens) -> Run {
    let mut embeddings = Vec::new();
    if let Some(dimension) = engine.dimension(Tower::Vision) {
        let picture = &goldens.pictures()[0];
        let mut out = vec![0.0; dimension];
        engine.embed_images(&[picture], &mut out, &mut ()).expect("the picture is embedded");
        embeddings.extend(out);
    }
    if let Some(dimension) = engine.dimension(Tower::Text) {
        let tokens = goldens.shape("text.input_ids")[1];
        let mut out = vec![0.0; dimension];
        let ids = &goldens.ids()[..tokens];
        engine.embed_texts(ids, &mut out, &mut ()).expect("the text is embedded");
        embeddings.extend(out);
    }
    let problems = engine.take_packed_cache_problems();
    Run { embeddings, problems: problems.iter().map(ToString::to_string).collect() }
}

fn plain(goldens: &Goldens, precision: Precision, isa: Isa) -> Vec<f32> {
    embed(&goldens.engine_in(precision, isa, 2), goldens).embeddings
}

fn cached(goldens: &Goldens, precision: Precision, isa: Isa, folder: &Path) -> Run {
    let engine = goldens.engine_in(precision, isa, 2).with_packed_cache(folder.to_owned());
    embed(&engine, goldens)
}

/// The names and bytes of the files of a folder, in the order of the names.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs_err::read_dir(folder).expect("the folder is read");
    let paths = entries.map(|entry| entry.expect("the folder is read").path());
    let mut files = paths
        .map(|path| {
            let bytes = fs_err::read(&path).expect("the file is read");
            (path, bytes)
        })
        .collect::<Vec<_>>();
    files.sort();
    files
}

/// The goldens of a checkpoint, in a folder whose files may be changed.
fn own_copy(name: &str) -> (TempDir, Goldens) {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, bytes) in files(&Goldens::tiny(name).folder) {
        let name = path.file_name().expect("a file has a name");
        fs_err::write(folder.path().join(name), bytes).expect("it is copied");
    }
    let goldens = Goldens::open(folder.path());
    (folder, goldens)
}

#[test]
fn embeddings_are_the_same_bytes_without_with_a_new_and_with_a_full_folder() {
    for name in ["tiny-base", "tiny-base-f16", "tiny-i18n", "tiny-siglip2", "tiny-so400m"] {
        let goldens = Goldens::tiny(name);
        let folder = tempfile::tempdir().expect("a folder");
        for isa in Isa::available() {
            for precision in PRECISIONS {
                let expected = plain(&goldens, precision, isa);
                let kept = files(folder.path()).len();
                for start in ["first", "second"] {
                    let Run { embeddings, problems } =
                        cached(&goldens, precision, isa, folder.path());
                    assert_eq!(problems, [""; 0]);
                    assert!(
                        embeddings == expected,
                        "{name} in {precision} on {isa}, {start} start"
                    );
                    assert_eq!(files(folder.path()).len(), kept + 2, "a file for each tower");
                }
            }
        }
    }
}

/// The second start takes the weights from the file: those of a file that was changed, checksums included, show.
#[test]
fn the_second_start_reads_the_file_and_not_the_checkpoint() {
    let goldens = Goldens::tiny("tiny-base");
    let folder = tempfile::tempdir().expect("a folder");
    let expected = cached(&goldens, Precision::F32, Isa::SCALAR, folder.path()).embeddings;
    for (path, mut bytes) in files(folder.path()) {
        Parts::of(&bytes).change_all(&mut bytes);
        fs_err::write(path, bytes).expect("it is written");
    }
    let Run { embeddings, problems } = cached(&goldens, Precision::F32, Isa::SCALAR, folder.path());
    assert_eq!(problems, [""; 0]);
    let different = embeddings.iter().zip(&expected).filter(|(found, expected)| found != expected);
    assert_eq!(different.count(), expected.len());
}

/// Where the parts of a file are, read from its bytes as `layout.rs` describes them.
struct Parts {
    table: usize,
    /// Begin and length.
    places: Vec<[usize; 2]>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let number = |at: usize, length: usize| {
            bytes[at..at + length].iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte))
        };
        let table = number(56, 8);
        let mut end = 128_usize;
        let mut places = Vec::new();
        for part in 0..number(20, 4) {
            let (begin, length) = (end.next_multiple_of(64), number(table + 16 * part, 8));
            places.push([begin, length]);
            end = begin + length;
        }
        assert_eq!(end.next_multiple_of(64), table);
        Self { table, places }
    }

    /// Doubles every number of an f32 file, and makes the checksums fit.
    fn change_all(&self, bytes: &mut [u8]) {
        for (part, &[begin, length]) in self.places.iter().enumerate() {
            for number in bytes[begin..begin + length].as_chunks_mut().0 {
                *number = (f32::from_le_bytes(*number) * 2.0).to_le_bytes();
            }
            let checksum = crc32fast::hash(&bytes[begin..begin + length]).to_le_bytes();
            bytes[self.table + 16 * part + 8..][..4].copy_from_slice(&checksum);
        }
        let checksum = crc32fast::hash(&bytes[self.table..]).to_le_bytes();
        bytes[64..68].copy_from_slice(&checksum);
        let checksum = crc32fast::hash(&bytes[..68]).to_le_bytes();
        bytes[68..72].copy_from_slice(&checksum);
    }
}

/// Puts damaged bytes into the place of a file: the embeddings must be the right ones, the program must say what was
/// wrong, and the file must be whole again.
#[test]
fn truncated_files_and_flipped_bits_are_noticed_and_mended() {
    let goldens = Goldens::tiny("tiny-base");
    let folder = tempfile::tempdir().expect("a folder");
    let (precision, isa) = (Precision::Int8, Isa::detect());
    let expected = cached(&goldens, precision, isa, folder.path()).embeddings;
    let whole = files(folder.path());
    let check = |path: &Path, damaged: &[u8], what: &str| {
        fs_err::write(path, damaged).expect("it is written");
        let Run { embeddings, problems } = cached(&goldens, precision, isa, folder.path());
        assert!(embeddings == expected, "{what}");
        assert!(files(folder.path()) == whole, "the file is whole again after {what}");
        problems
    };
    for (path, bytes) in &whole {
        let Parts { table, places } = Parts::of(bytes);
        let edges = places.iter().flat_map(|&[begin, length]| [begin, begin + length / 2]);
        let lengths = [0, 1, 16, 71, 127, 128, table, table + 1, bytes.len() - 1];
        for length in lengths.into_iter().chain(edges.clone().step_by(7)) {
            let problems = check(path, &bytes[..length], &format!("a cut at {length}"));
            assert_eq!(problems.len(), 1, "a cut at {length} is noticed");
        }
        let longer = [bytes.as_slice(), &[0; 64]].concat();
        assert_eq!(check(path, &longer, "64 bytes more").len(), 1);
        // In the version, a flip makes a file of another version, which is replaced without a word.
        let header = (0..16).chain(20..72).map(|place| place * 8 + place % 8);
        let parts = places.iter().filter(|[_, length]| *length > 0);
        let parts = parts.flat_map(|&[begin, length]| [begin * 8, (begin + length) * 8 - 1]);
        let table = (table..bytes.len()).step_by(5).map(|place| place * 8 + 3);
        for bit in header.chain(parts).chain(table) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let problems = check(path, &damaged, &format!("a flip of bit {bit}"));
            assert_eq!(problems.len(), 1, "a flip of bit {bit} is noticed");
            assert!(problems[0].contains("packed weights cannot be used: "), "{}", problems[0]);
        }
        let mut other_version = bytes.clone();
        other_version[16] ^= 1;
        assert_eq!(check(path, &other_version, "another version"), [""; 0]);
    }
}

#[test]
fn bytes_that_are_no_file_of_packed_weights_are_refused() {
    let goldens = Goldens::tiny("tiny-base");
    let folder = tempfile::tempdir().expect("a folder");
    let expected = cached(&goldens, Precision::F32, Isa::SCALAR, folder.path()).embeddings;
    let whole = files(folder.path());
    // A sound header that promises more parts, or a table elsewhere, than any file has.
    for (place, value) in [(20, 0xff_u8), (23, 0xff), (56, 1), (59, 0x7f), (63, 0xff)] {
        let (path, bytes) = &whole[0];
        let mut forged = bytes.clone();
        forged[place] ^= value;
        let checksum = crc32fast::hash(&forged[..68]).to_le_bytes();
        forged[68..72].copy_from_slice(&checksum);
        fs_err::write(path, forged).expect("it is written");
        let run = cached(&goldens, Precision::F32, Isa::SCALAR, folder.path());
        assert_eq!(run.problems.len(), 1, "byte {place}");
        assert!(run.embeddings == expected, "byte {place}");
    }
    // Sound files that hold something else: the other tower, and a table whose lengths overflow.
    let [(vision, _), (text, _)] = whole.as_slice() else { panic!("there are two files") };
    let mut forged = whole[1].1.clone();
    let Parts { table, places } = Parts::of(&forged);
    let last = table + 16 * (places.len() - 1);
    forged[last..last + 8].fill(0xff);
    let checksum = crc32fast::hash(&forged[table..]).to_le_bytes();
    forged[64..68].copy_from_slice(&checksum);
    let checksum = crc32fast::hash(&forged[..68]).to_le_bytes();
    forged[68..72].copy_from_slice(&checksum);
    fs_err::write(text, forged).expect("it is written");
    fs_err::write(vision, &whole[1].1).expect("it is written");
    let run = cached(&goldens, Precision::F32, Isa::SCALAR, folder.path());
    assert!(run.embeddings == expected);
    assert_eq!(run.problems.len(), 1, "another key is no damage: {:?}", run.problems);
    assert!(files(folder.path()) == whole);
}

#[test]
fn other_weights_or_settings_in_the_same_place_replace_the_file() {
    let (model, goldens) = own_copy("tiny-base");
    let folder = tempfile::tempdir().expect("a folder");
    let embed = |goldens: &Goldens| cached(goldens, Precision::F32, Isa::SCALAR, folder.path());
    let before = embed(&goldens).embeddings;
    let old = files(folder.path());
    // One bit of one weight, in the middle of the data.
    let path = model.path().join("model.safetensors");
    let mut weights = fs_err::read(&path).expect("the weights are read");
    let middle = weights.len() / 2;
    weights[middle] ^= 1;
    fs_err::write(&path, weights).expect("the weights are written");
    let goldens = Goldens::open(model.path());
    let after = embed(&goldens);
    assert_eq!(after.problems, [""; 0]);
    assert!(after.embeddings == plain(&goldens, Precision::F32, Isa::SCALAR));
    assert!(after.embeddings != before, "the weight takes part");
    let new = files(folder.path());
    assert!(new != old);
    let names = |files: &[(PathBuf, Vec<u8>)]| {
        files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&new), names(&old), "no file is left behind");
    // The same weights, written anew at another time, may be others for all that a look can tell.
    let file = fs_err::OpenOptions::new().write(true).open(&path).expect("the weights are opened");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_600_000_000_000_000_001);
    file.file().set_modified(time).expect("the time is set");
    assert!(embed(&goldens).embeddings == after.embeddings);
    assert!(files(folder.path()) != new, "the key has changed");
}

#[test]
#[cfg(unix)]
fn a_blob_of_the_hub_is_known_by_its_name() {
    let (model, goldens) = own_copy("tiny-base");
    let folder = tempfile::tempdir().expect("a folder");
    let path = model.path().join("model.safetensors");
    let blobs = model.path().join("blobs");
    fs_err::create_dir_all(&blobs).expect("the folder is made");
    let move_to = |name: &str| {
        let blob = blobs.join(name);
        fs_err::rename(fs_err::canonicalize(&path).expect("a path"), &blob).expect("it is moved");
        let _ = fs_err::remove_file(&path);
        std::os::unix::fs::symlink(&blob, &path).expect("a link");
        let file = fs_err::OpenOptions::new().write(true).open(&blob).expect("it is opened");
        let now = file.metadata().expect("its metadata").modified().expect("its time");
        file.file().set_modified(now + std::time::Duration::from_secs(1)).expect("the time is set");
    };
    let embed = || {
        let run = cached(&goldens, Precision::F32, Isa::SCALAR, folder.path());
        assert_eq!(run.problems, [""; 0]);
        files(folder.path())
    };
    move_to(&"a".repeat(64));
    let first = embed();
    move_to(&"a".repeat(64));
    assert!(embed() == first, "the time of a blob does not count");
    move_to(&"b".repeat(64));
    assert!(embed() != first, "its name does");
    move_to("an-etag-that-is-no-hash");
    let plain = embed();
    move_to("an-etag-that-is-no-hash");
    assert!(embed() != plain, "without a hash the time counts");
}

#[test]
fn leftovers_of_killed_processes_do_no_harm_and_are_removed_when_the_next_file_is_written() {
    let goldens = Goldens::tiny("tiny-base");
    let folder = tempfile::tempdir().expect("a folder");
    let left = folder.path().join(".packed-killed.part");
    let written = folder.path().join(".packed-busy.part");
    let foreign = folder.path().join("notes.part");
    for path in [&left, &written, &foreign] {
        fs_err::write(path, b"polysight-packed").expect("it is written");
    }
    let busy = fs_err::File::open(&written).expect("it is opened");
    busy.file().try_lock().expect("it is locked");
    let run = cached(&goldens, Precision::F32, Isa::SCALAR, folder.path());
    assert_eq!(run.problems, [""; 0]);
    assert!(run.embeddings == plain(&goldens, Precision::F32, Isa::SCALAR));
    assert!(!left.exists(), "nobody writes it any more");
    assert!(written.exists(), "another process writes it");
    assert!(foreign.exists(), "it is not ours");
}

#[test]
fn a_folder_that_cannot_be_written_costs_a_warning_and_nothing_else() {
    let goldens = Goldens::tiny("tiny-base");
    let file = tempfile::NamedTempFile::new().expect("a file");
    let run = cached(&goldens, Precision::F32, Isa::SCALAR, file.path());
    assert!(run.embeddings == plain(&goldens, Precision::F32, Isa::SCALAR));
    assert!(!run.problems.is_empty());
    // A folder in the place of a file: it is no regular file, and nothing can be renamed over it.
    let folder = tempfile::tempdir().expect("a folder");
    cached(&goldens, Precision::F32, Isa::SCALAR, folder.path());
    for (path, _) in files(folder.path()) {
        fs_err::remove_file(&path).expect("it is removed");
        fs_err::create_dir_all(path.join("full")).expect("the folder is made");
    }
    let run = cached(&goldens, Precision::F32, Isa::SCALAR, folder.path());
    assert!(run.embeddings == plain(&goldens, Precision::F32, Isa::SCALAR));
    assert_eq!(run.problems.len(), 4, "for each tower, reading and writing: {:?}", run.problems);
    let names = fs_err::read_dir(folder.path()).expect("the folder is read");
    assert_eq!(names.count(), 2, "no unfinished file is left");
}

#[test]
fn many_engines_that_start_at_once_on_an_empty_folder_agree() {
    let goldens = Goldens::tiny("tiny-base");
    let folder = tempfile::tempdir().expect("a folder");
    let expected = plain(&goldens, Precision::Bf16, Isa::SCALAR);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let run = cached(&goldens, Precision::Bf16, Isa::SCALAR, folder.path());
                    assert!(run.embeddings == expected);
                    assert_eq!(run.problems, [""; 0]);
                }
            });
        }
    });
    assert_eq!(files(folder.path()).len(), 2, "no unfinished file is left");
}
