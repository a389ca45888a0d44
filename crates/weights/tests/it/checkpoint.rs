//! Opening folders: names, shapes, towers, shards.

use std::collections::BTreeMap;

use safetensors::Dtype as StoredType;
use serde_json::{Value, json};
use weights::{Checkpoint, Tower, WeightsError};

use crate::folder::{Folder, Prefix, Stored, ramp_value, raw_weights, tiny, write_weights};

fn open_error(folder: &Folder) -> String {
    let folder = folder.write();
    Checkpoint::open(folder.path()).unwrap_err().to_string()
}

#[test]
fn a_whole_model_opens_and_gives_its_tensors_by_bare_names() {
    let folder = tiny().write();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert!(checkpoint.has(Tower::Vision) && checkpoint.has(Tower::Text));
    assert!(checkpoint.has_text_head());
    assert_eq!(checkpoint.folder(), folder.path());
    assert_eq!(checkpoint.name(), folder.path().file_name().unwrap().to_str().unwrap());
    assert_eq!(checkpoint.logit_scale(), Some(-1.0));
    assert_eq!(checkpoint.logit_bias(), Some(-1.0));
    let fc1 = checkpoint.tensor(Tower::Text, "encoder.layers.0.mlp.fc1.weight").unwrap();
    assert_eq!(fc1.name(), "text_model.encoder.layers.0.mlp.fc1.weight");
    assert_eq!(fc1.shape(), [8, 4]);
    assert_eq!(fc1.to_f32(), (0..32).map(ramp_value).collect::<Vec<_>>());
    assert_eq!(checkpoint.tensors().len(), tiny().tensors.len());
    let files: Vec<_> = checkpoint.weight_files().collect();
    assert_eq!(files, [folder.path().join("model.safetensors")]);
}

#[test]
fn the_expected_names_and_shapes_are_those_of_transformers() {
    let golden: Value = serde_json::from_str(include_str!("goldens/tensor_names.json")).unwrap();
    let models = golden["models"].as_object().unwrap();
    assert_eq!(models.len(), 3);
    for (name, model) in models {
        let tensors: BTreeMap<String, Vec<usize>> =
            serde_json::from_value(model["tensors"].clone()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("config.json"), model["config"].to_string()).unwrap();
        let path = folder.path().join("model.safetensors");
        write_sparse(&path, &tensors);
        let checkpoint = Checkpoint::open(folder.path()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(checkpoint.tensors().len(), tensors.len());

        // The other way round: without any one of them, exactly that one is named.
        for absent in tensors.keys().step_by(tensors.len() / 40) {
            let mut rest = tensors.clone();
            rest.remove(absent);
            write_sparse(&path, &rest);
            let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
            let expected = format!(
                "1 tensor is not as config.json says: `{absent}` is missing, expected {:?}",
                tensors[absent]
            );
            assert!(error.ends_with(&expected), "{name}: {error}");
        }
    }
}

/// A weight file of the full size whose data is a hole: it takes no space and nobody reads it.
fn write_sparse(path: &std::path::Path, tensors: &BTreeMap<String, Vec<usize>>) {
    let mut end = 0;
    let header: serde_json::Map<String, Value> = tensors
        .iter()
        .map(|(name, shape)| {
            let begin = end;
            end += 4 * shape.iter().product::<usize>();
            (name.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}))
        })
        .collect();
    let bytes = raw_weights(&Value::Object(header).to_string(), 0);
    fs_err::write(path, &bytes).unwrap();
    let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len((bytes.len() + end) as u64).unwrap();
}

#[test]
fn one_tower_opens_with_and_without_the_prefix() {
    for (tower, other) in [(Tower::Vision, Tower::Text), (Tower::Text, Tower::Vision)] {
        let section = if tower == Tower::Vision { "vision_config" } else { "text_config" };
        let model_type = section.replace("config", "model");
        for kept in [Prefix::Kept, Prefix::Removed] {
            let mut folder = tiny().only(tower.prefix(), kept);
            let own_config = {
                let mut config = folder.config[section].clone();
                config["model_type"] = json!(format!("siglip_{model_type}"));
                config
            };
            for config in [folder.config.clone(), own_config] {
                folder.config = config;
                let written = folder.write();
                let checkpoint = Checkpoint::open(written.path()).unwrap();
                assert!(checkpoint.has(tower) && !checkpoint.has(other));
                assert_eq!(checkpoint.logit_scale(), None);
                let norm = "encoder.layers.0.layer_norm1.weight";
                assert_eq!(checkpoint.tensor(tower, norm).unwrap().shape(), [4]);
                let error = checkpoint.tensor(other, norm).unwrap_err();
                assert!(matches!(error, WeightsError::NoTensor { .. }), "{error}");
            }
        }
    }
}

#[test]
fn a_one_tower_config_beside_a_whole_model_takes_that_tower() {
    let mut folder = tiny();
    folder.config = folder.config["vision_config"].clone();
    folder.config["model_type"] = json!("siglip_vision_model");
    let written = folder.write();
    let checkpoint = Checkpoint::open(written.path()).unwrap();
    assert!(checkpoint.has(Tower::Vision) && !checkpoint.has(Tower::Text));
    assert_eq!(checkpoint.logit_scale(), Some(-1.0));
}

#[test]
fn a_text_tower_without_head_opens_when_the_widths_allow_it() {
    let mut folder = tiny();
    folder.tensors.remove("text_model.head.weight");
    folder.tensors.remove("text_model.head.bias");
    let written = folder.write();
    assert!(!Checkpoint::open(written.path()).unwrap().has_text_head());

    // Half a head is a broken one.
    folder.tensors.insert("text_model.head.bias".to_owned(), Stored::ramp(&[4]));
    assert!(open_error(&folder).ends_with("`text_model.head.weight` is missing, expected [4, 4]"));
}

#[test]
fn stray_tensors_are_ignored_whatever_their_type() {
    let mut folder = tiny();
    for name in ["text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"] {
        let stored = Stored { dtype: StoredType::I64, shape: vec![1, 3], data: vec![0; 24] };
        folder.tensors.insert(name.to_owned(), stored);
    }
    let stray = Stored { dtype: StoredType::F8_E4M3, shape: vec![7], data: vec![0; 7] };
    folder.tensors.insert("optimizer.moment".to_owned(), stray);
    let written = folder.write();
    let checkpoint = Checkpoint::open(written.path()).unwrap();
    assert_eq!(checkpoint.tensors().len(), tiny().tensors.len());

    // A tower of which nothing but such a stray is left is absent, not broken.
    folder
        .tensors
        .retain(|name, _| !name.starts_with("text_model.") || name.ends_with("position_ids"));
    let written = folder.write();
    assert!(!Checkpoint::open(written.path()).unwrap().has(Tower::Text));
}

#[test]
fn every_wrong_tensor_is_named_in_one_error() {
    let mut folder = tiny();
    folder.tensors.remove("logit_bias");
    folder.tensors.insert("vision_model.head.probe".to_owned(), Stored::ramp(&[1, 2, 4]));
    let whole_numbers = Stored { dtype: StoredType::I32, shape: vec![4], data: vec![0; 16] };
    folder.tensors.insert("text_model.head.bias".to_owned(), whole_numbers);
    let error = open_error(&folder);
    assert!(error.contains("3 tensors are not as config.json says"), "{error}");
    assert!(error.contains("`logit_bias` is missing, expected [1]"), "{error}");
    assert!(
        error.contains("`vision_model.head.probe` has shape [1, 2, 4], expected [1, 1, 4]"),
        "{error}"
    );
    assert!(
        error.contains("`text_model.head.bias` has dtype I32, supported are F32, F16 and BF16"),
        "{error}"
    );
}

#[test]
fn a_long_list_of_wrong_tensors_is_cut_at_twenty() {
    let mut folder = tiny();
    folder.config["vision_config"]["num_hidden_layers"] = json!(3);
    let error = open_error(&folder);
    assert!(error.contains("32 tensors are not as config.json says"), "{error}");
    assert_eq!(error.matches("is missing").count(), 20);
    assert!(error.ends_with("; and 12 more"), "{error}");
}

#[test]
fn a_scalar_may_have_no_dimension() {
    let mut folder = tiny();
    folder.tensors.insert("logit_scale".to_owned(), Stored::ramp(&[]));
    let written = folder.write();
    assert_eq!(Checkpoint::open(written.path()).unwrap().logit_scale(), Some(-1.0));
}

#[test]
fn a_file_without_towers_says_so() {
    let mut folder = tiny();
    folder.tensors.retain(|name, _| name.starts_with("logit_"));
    assert!(open_error(&folder).contains("no vision tower and no text tower"));

    // Two towers whose names collide cannot be told apart.
    let bare = |prefix| tiny().only(prefix, Prefix::Removed).tensors;
    folder.tensors = bare("vision_model.");
    folder.tensors.extend(bare("text_model."));
    assert!(open_error(&folder).contains("no vision tower and no text tower"));
}

#[test]
fn shards_are_joined_by_their_index() {
    let folder = tiny();
    let written = tempfile::tempdir().unwrap();
    let shards = write_shards(&folder, written.path());
    let checkpoint = Checkpoint::open(written.path()).unwrap();
    assert_eq!(checkpoint.weight_files().count(), 2);
    assert_eq!(checkpoint.tensors().len(), folder.tensors.len());
    for tensor in checkpoint.tensors() {
        let stored = &folder.tensors[tensor.name()];
        assert_eq!((tensor.shape(), tensor.bytes()), (&stored.shape[..], &stored.data[..]));
    }

    // A tensor that the index places in the other shard is missing.
    let mut map = shards;
    map.insert("logit_bias".to_owned(), json!("model-00002-of-00002.safetensors"));
    write_index(written.path(), &map);
    let error = Checkpoint::open(written.path()).unwrap_err().to_string();
    assert!(error.contains("`logit_bias` is missing"), "{error}");

    // A shard that is not there is named.
    map.insert("logit_bias".to_owned(), json!("model-00003-of-00002.safetensors"));
    write_index(written.path(), &map);
    let error = Checkpoint::open(written.path()).unwrap_err().to_string();
    assert!(
        error.contains("shard model-00003-of-00002.safetensors, which is not in the folder"),
        "{error}"
    );
}

#[test]
fn shards_cannot_be_outside_the_folder() {
    let folder = tiny();
    let outside = folder.write();
    for name in [
        outside.path().join("model.safetensors").to_str().unwrap().to_owned(),
        "../model.safetensors".to_owned(),
        "..".to_owned(),
        String::new(),
        "a/../model.safetensors".to_owned(),
        "..\\model.safetensors".to_owned(),
        "C:model.safetensors".to_owned(),
    ] {
        let written = tempfile::tempdir_in(outside.path()).unwrap();
        folder.write_config(written.path());
        let map = folder.tensors.keys().map(|tensor| (tensor.clone(), json!(name))).collect();
        write_index(written.path(), &map);
        let error = Checkpoint::open(written.path()).unwrap_err().to_string();
        assert!(error.ends_with("is not a plain file name"), "{name}: {error}");
    }
}

/// Writes the tensors in turn into two shards and gives the index.
fn write_shards(folder: &Folder, path: &std::path::Path) -> serde_json::Map<String, Value> {
    folder.write_config(path);
    let mut index = serde_json::Map::new();
    let mut shards = [BTreeMap::new(), BTreeMap::new()];
    for (count, (name, stored)) in folder.tensors.iter().enumerate() {
        shards[count % 2].insert(name.clone(), stored.clone());
        index.insert(name.clone(), json!(shard_name(count % 2)));
    }
    for (number, shard) in shards.iter().enumerate() {
        write_weights(&path.join(shard_name(number)), shard);
    }
    write_index(path, &index);
    index
}

fn shard_name(number: usize) -> String {
    format!("model-0000{}-of-00002.safetensors", number + 1)
}

fn write_index(path: &std::path::Path, map: &serde_json::Map<String, Value>) {
    let index = json!({"metadata": {"total_size": 1}, "weight_map": map});
    fs_err::write(path.join("model.safetensors.index.json"), index.to_string()).unwrap();
}
