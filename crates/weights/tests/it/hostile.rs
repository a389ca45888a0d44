//! Folders and files that are not what they should be: an error with the path, never a panic.

use weights::{Checkpoint, Config, Header, Preprocessing, VisionConfig};

use crate::folder::{raw_weights, tiny, weights_bytes};

#[test]
fn missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().display();
    let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert_eq!(error, format!("{shown}: no config.json in this folder"));
    tiny().write_config(folder.path());
    let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{shown}: no model.safetensors (nor model.safetensors.index.json) in this folder")
    );
}

#[test]
fn broken_weight_files_are_named_with_the_problem() {
    let whole = weights_bytes(&tiny().tensors);
    let cases = [
        (Vec::new(), "the file has 0 bytes, too few for a header"),
        (whole[..whole.len() - 1].to_vec(), "the file is cut short"),
        (whole[..100].to_vec(), "the header claims"),
        ([&whole[..], b"x"].concat(), "the tensors cover"),
        (raw_weights("{}", 0), "no vision tower and no text tower"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".to_vec(),
            "the header claims",
        ),
    ];
    for (bytes, expected) in cases {
        let folder = tiny().write();
        fs_err::write(folder.path().join("model.safetensors"), bytes).unwrap();
        let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\nnot: {expected}");
        assert!(error.starts_with(&folder.path().display().to_string()), "{error}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused() {
    for name in ["config.json", "preprocessor_config.json", "model.safetensors"] {
        let folder = tiny().write();
        let path = folder.path().join(name);
        if path.exists() {
            fs_err::remove_file(&path).unwrap();
        }
        fs_err::create_dir(&path).unwrap();
        let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
        assert_eq!(error, format!("{}: not a regular file", path.display()));
    }
}

#[test]
fn an_oversized_config_is_not_read_whole() {
    let folder = tiny().write();
    let path = folder.path().join("config.json");
    let file = fs_err::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
    let expected = format!("{}: 4194305 bytes is too large", path.display());
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn thousands_of_mutations_of_a_header_never_panic() {
    let whole = weights_bytes(&tiny().tensors);
    let mut accepted = 0;
    mutate(&whole, 4000, |bytes| {
        if let Ok(header) = Header::read(&mut &bytes[..], bytes.len() as u64) {
            accepted += 1;
            for tensor in header.tensors() {
                assert!(bytes.get(tensor.begin..tensor.end).is_some());
            }
        }
    });
    assert!(accepted > 0, "every mutation was refused: the test sees only one side");
}

#[test]
fn thousands_of_mutations_of_the_json_files_never_panic() {
    let config = tiny().config.to_string();
    let mut accepted = 0;
    mutate(config.as_bytes(), 4000, |bytes| {
        accepted += usize::from(Config::from_json(bytes).is_ok());
    });
    let settings = r#"{"resample":3,"size":{"height":224,"width":224},"image_mean":[0.5,0.5,0.5],"do_resize":true}"#;
    mutate(settings.as_bytes(), 4000, |bytes| {
        let vision = VisionConfig::default();
        accepted += usize::from(Preprocessing::from_json(bytes, &vision).is_ok());
    });
    assert!(accepted > 0, "every mutation was refused: the test sees only one side");
}

/// Calls `check` with `count` mutations of some bytes, always the same ones: bytes replaced, cut, repeated.
fn mutate(original: &[u8], count: usize, mut check: impl FnMut(&[u8])) {
    // A linear congruential generator is random enough to pick places.
    let mut state = 0x5eed_u64;
    let mut below = |limit: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit.max(1)
    };
    for _ in 0..count {
        let mut bytes = original.to_vec();
        for _ in 0..=below(3) {
            if bytes.is_empty() {
                break;
            }
            let place = below(bytes.len());
            match below(5) {
                0 => bytes[place] = below(256) as u8,
                1 => bytes[place] ^= 1 << below(8),
                2 => bytes[place] = b"0123456789-.eE\"{}[],:"[below(21)],
                3 => bytes.truncate(place),
                _ => {
                    let end = (place + below(40)).min(bytes.len());
                    let piece = bytes[place..end].to_vec();
                    bytes.splice(place..place, piece);
                }
            }
        }
        check(&bytes);
    }
}
