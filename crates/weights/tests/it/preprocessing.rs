//! `preprocessor_config.json` and `processor_config.json`.

use serde_json::{Value, json};
use weights::{Checkpoint, Preprocessing, Resample, VisionConfig};

use crate::folder::tiny;

fn read(settings: &Value) -> Result<Preprocessing, String> {
    Preprocessing::from_json(settings.to_string().as_bytes(), &VisionConfig::default())
        .map_err(|error| error.to_string())
}

#[test]
fn siglip_one_and_two_differ_in_the_filter() {
    let first = json!({
        "do_normalize": true, "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor", "image_std": [0.5, 0.5, 0.5],
        "processor_class": "SiglipProcessor", "resample": 3, "rescale_factor": 1.0 / 255.0,
        "size": {"height": 224, "width": 224}
    });
    let expected = Preprocessing::for_vision(&VisionConfig::default());
    assert_eq!(read(&first).unwrap(), expected);
    assert_eq!(expected.resample, Resample::Bicubic);
    assert_eq!((expected.width, expected.height), (224, 224));

    let mut second = first;
    second["resample"] = json!(2);
    assert_eq!(read(&second).unwrap().resample, Resample::Bilinear);
}

#[test]
fn absent_settings_take_the_defaults_of_the_vision_tower() {
    let defaults = Preprocessing::for_vision(&VisionConfig::default());
    assert_eq!(read(&json!({})).unwrap(), defaults);
    assert_eq!(read(&json!({"size": 224, "image_mean": 0.5})).unwrap(), defaults);
    let other = read(&json!({"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 2, 4]})).unwrap();
    assert_eq!((other.mean, other.std), ([0.1, 0.2, 0.3], [1.0, 2.0, 4.0]));
}

#[test]
fn unsupported_settings_are_refused_by_name() {
    let cases = [
        (json!({"resample": 1}), "`resample` is 1; it must be 2 (bilinear) or 3 (bicubic)"),
        (
            json!({"resample": "bicubic"}),
            "`resample` is \"bicubic\"; it must be 2 (bilinear) or 3 (bicubic)",
        ),
        (json!({"do_resize": false}), "`do_resize` is false; it must be true"),
        (json!({"do_normalize": false}), "`do_normalize` is false; it must be true"),
        (json!({"do_center_crop": true}), "`do_center_crop` is true; it must be false"),
        (
            json!({"size": {"height": 256, "width": 256}}),
            "`size` is {\"height\":256,\"width\":256}; it must be width and height 224, the size that config.json \
             gives the vision tower",
        ),
        (
            json!({"size": {"shortest_edge": 224}}),
            "`size` is {\"shortest_edge\":224}; it must be width and height 224, the size that config.json gives the \
             vision tower",
        ),
        (
            json!({"image_std": [0.5, 0, 0.5]}),
            "`image_std` is [0.5, 0.0, 0.5]; every channel must be above 0",
        ),
        (json!({"image_mean": [0.5, 0.5]}), "`image_mean` is [0.5,0.5]; it must be three numbers"),
        (
            json!({"image_mean": [0.5, 0.5, 1e300]}),
            "`image_mean` is [0.5,0.5,1e+300]; it must be three numbers",
        ),
        (
            json!({"rescale_factor": 0}),
            "`rescale_factor` is 0; it must be a number above 0 and at most 1",
        ),
    ];
    for (settings, expected) in cases {
        assert_eq!(read(&settings).unwrap_err(), expected);
    }
}

#[test]
fn the_nested_settings_of_newer_transformers_come_first() {
    let folder = tiny().write();
    let resample = || Checkpoint::open(folder.path()).unwrap().preprocessing().resample;
    assert_eq!(resample(), Resample::Bicubic);
    let write = |name: &str, json: Value| {
        fs_err::write(folder.path().join(name), json.to_string()).unwrap();
    };
    write("preprocessor_config.json", json!({"resample": 2}));
    assert_eq!(resample(), Resample::Bilinear);
    write("processor_config.json", json!({"processor_class": "SiglipProcessor"}));
    assert_eq!(resample(), Resample::Bilinear);
    write("processor_config.json", json!({"image_processor": {"resample": 3}}));
    assert_eq!(resample(), Resample::Bicubic);
}

#[test]
fn a_wrong_setting_is_reported_with_its_file() {
    let folder = tiny().write();
    let path = folder.path().join("preprocessor_config.json");
    fs_err::write(&path, "{\"resample\": 0}").unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err().to_string();
    let expected = format!("{}: `resample` is 0", path.display());
    assert!(error.starts_with(&expected), "{error}");
}
