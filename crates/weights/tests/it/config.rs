//! `config.json`: defaults, limits, and what a hostile one gets to hear.

use proptest::prelude::*;
use serde_json::{Value, json};
use weights::{Config, TextConfig, VisionConfig};

fn read(config: &Value) -> Result<Config, String> {
    Config::from_json(config.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn an_empty_config_holds_the_defaults_of_transformers() {
    for empty in [
        json!({}),
        json!({"model_type": null, "text_config": null, "vision_config": {}}),
        json!({"model_type": "siglip", "initializer_factor": 1.0, "transformers_version": "4.37.0"}),
    ] {
        let config = read(&empty).unwrap();
        assert_eq!(config.model_type, "siglip");
        assert_eq!(config.text, TextConfig::default());
        assert_eq!(config.vision, VisionConfig::default());
    }
    let text = TextConfig::default();
    assert_eq!([text.vocab_size, text.hidden_size, text.intermediate_size], [32_000, 768, 3072]);
    assert_eq!(
        [text.num_hidden_layers, text.num_attention_heads, text.max_position_embeddings],
        [12, 12, 64]
    );
    assert_eq!((text.projection_size, text.pad_token_id, text.layer_norm_eps), (768, 1, 1e-6));
    let vision = VisionConfig::default();
    assert_eq!([vision.image_size, vision.patch_size, vision.num_channels], [224, 16, 3]);
    assert_eq!(
        [vision.hidden_size, vision.intermediate_size, vision.num_hidden_layers],
        [768, 3072, 12]
    );
    assert!(vision.vision_use_head && vision.num_attention_heads == 12);
}

#[test]
fn the_target_sets_vocabulary_and_image_size_only() {
    let config = read(&json!({
        "architectures": ["SiglipModel"], "initializer_factor": 1.0, "model_type": "siglip",
        "text_config": {"model_type": "siglip_text_model", "vocab_size": 250_000},
        "torch_dtype": "float32",
        "vision_config": {"image_size": 256, "model_type": "siglip_vision_model"}
    }))
    .unwrap();
    let text = TextConfig::default().vocab_size;
    assert_eq!((config.text.vocab_size, text), (250_000, 32_000));
    assert_eq!(config.vision.image_size, 256);
}

#[test]
fn numbers_may_be_floats_and_sides_may_be_pairs() {
    let config = read(&json!({
        "text_config": {"hidden_size": 768.0, "layer_norm_eps": 1e-5, "pad_token_id": 0, "bos_token_id": null},
        "vision_config": {"image_size": [384, 384], "patch_size": [14.0, 14], "hidden_act": "gelu_pytorch_tanh"}
    }))
    .unwrap();
    assert_eq!((config.text.hidden_size, config.text.pad_token_id), (768, 0));
    assert_eq!(config.text.layer_norm_eps, 1e-5);
    assert_eq!((config.vision.image_size, config.vision.patch_size), (384, 14));
}

#[test]
fn the_text_embedding_is_as_wide_as_the_tower_unless_said_otherwise() {
    let narrow = json!({"hidden_size": 96});
    let config = read(&json!({"text_config": narrow, "vision_config": narrow})).unwrap();
    assert_eq!(config.text.projection_size, 96);
}

#[test]
fn one_tower_configs_are_read_from_the_top() {
    let config = read(&json!({"model_type": "siglip_vision_model", "image_size": 512})).unwrap();
    assert_eq!(config.vision.image_size, 512);
    let config = read(&json!({"model_type": "siglip_text_model", "vocab_size": 7})).unwrap();
    assert_eq!(config.text.vocab_size, 7);
}

#[test]
fn impossible_values_are_refused_by_field_and_limit() {
    let wide = |value: Value| json!({"vision_config": value});
    let cases = [
        (
            json!({"model_type": "clip"}),
            "`model_type` is \"clip\"; it must be siglip, siglip_text_model or siglip_vision_model",
        ),
        (json!({"model_type": 3}), "`model_type` is 3; it must be a text"),
        (
            json!({"model_type": "siglip2"}),
            "not supported yet: siglip2 NaFlex (model_type starts with siglip2)",
        ),
        (
            json!({"model_type": "siglip2_vision_model"}),
            "not supported yet: siglip2 NaFlex (model_type starts with siglip2)",
        ),
        (json!({"text_config": []}), "`text_config` is []; it must be an object"),
        (
            wide(json!({"hidden_size": 0})),
            "`vision_config.hidden_size` is 0; it must be a whole number from 1 to 65536",
        ),
        (
            wide(json!({"hidden_size": -8})),
            "`vision_config.hidden_size` is -8; it must be a whole number from 1 to 65536",
        ),
        (
            wide(json!({"hidden_size": 1e300})),
            "`vision_config.hidden_size` is 1e+300; it must be a whole number from 1 to 65536",
        ),
        (
            wide(json!({"hidden_size": 8.5})),
            "`vision_config.hidden_size` is 8.5; it must be a whole number from 1 to 65536",
        ),
        (
            wide(json!({"hidden_size": "8"})),
            "`vision_config.hidden_size` is \"8\"; it must be a whole number from 1 to 65536",
        ),
        (
            wide(json!({"num_attention_heads": 7})),
            "`vision_config.num_attention_heads` is 7; it must divide `hidden_size`, which is 768",
        ),
        (
            wide(json!({"num_attention_heads": 0})),
            "`vision_config.num_attention_heads` is 0; it must be a whole number from 1 to 65536",
        ),
        (
            wide(json!({"patch_size": 225})),
            "`vision_config.patch_size` is 225; it must be at most `image_size`, which is 224",
        ),
        (
            wide(json!({"image_size": [224, 256]})),
            "`vision_config.image_size` is [224,256]; it must be a whole number from 1 to 16384 (or two equal ones: a square)",
        ),
        (
            wide(json!({"num_channels": 4})),
            "`vision_config.num_channels` is 4; it must be a whole number from 3 to 3",
        ),
        (
            wide(json!({"hidden_act": "gelu"})),
            "`vision_config.hidden_act` is \"gelu\"; it must be gelu_pytorch_tanh",
        ),
        (
            wide(json!({"model_type": "clip_vision_model"})),
            "`vision_config.model_type` is \"clip_vision_model\"; it must be siglip_vision_model",
        ),
        (
            wide(json!({"layer_norm_eps": 0})),
            "`vision_config.layer_norm_eps` is 0; it must be a number above 0 and at most 1",
        ),
        (
            wide(json!({"layer_norm_eps": 1e-60})),
            "`vision_config.layer_norm_eps` is too small: as a 32-bit float it is 0",
        ),
        (
            wide(json!({"vision_use_head": 1})),
            "`vision_config.vision_use_head` is 1; it must be true or false",
        ),
        (
            wide(json!({"num_hidden_layers": 4_000_000_000_u64})),
            "`vision_config.num_hidden_layers` is 4000000000; it must be a whole number from 1 to 1024",
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(read(&config).unwrap_err(), expected);
    }
}

#[test]
fn impossible_texts_are_refused_by_field_and_limit() {
    let text = |value: Value| json!({"text_config": value});
    let cases = [
        (
            text(json!({"vocab_size": u64::MAX})),
            "`text_config.vocab_size` is 18446744073709551615; it must be a whole number from 1 to 16777216",
        ),
        (
            text(json!({"pad_token_id": 32_000})),
            "`text_config.pad_token_id` is 32000; it must be below `vocab_size` 32000",
        ),
        (
            text(json!({"projection_size": 512})),
            "`text_config.projection_size` is 512, but `vision_config.hidden_size` is 768: the embeddings of a text and a picture could not be compared",
        ),
    ];
    for (config, expected) in cases {
        assert_eq!(read(&config).unwrap_err(), expected);
    }
}

#[test]
fn a_long_wrong_value_is_cut_in_the_message() {
    let error = read(&json!({"vision_config": {"hidden_size": "x".repeat(10_000)}})).unwrap_err();
    assert!(error.len() < 200, "{error}");
}

#[test]
fn what_is_no_json_object_is_refused() {
    for bytes in [&b""[..], b"[]", b"{\"a\":", b"\xff\xfe", b"{\"model_type\":\"siglip\"}}"] {
        let error = Config::from_json(bytes).unwrap_err().to_string();
        assert!(error.starts_with("not a JSON object: "), "{error}");
    }
    let deep = "[".repeat(100_000);
    assert!(Config::from_json(deep.as_bytes()).is_err());
    let large = vec![b' '; 5 << 20];
    let error = Config::from_json(&large).unwrap_err().to_string();
    assert_eq!(error, "5242880 bytes is too large; the limit is 4194304 bytes");
}

proptest! {
    #[test]
    fn whatever_is_accepted_keeps_the_promises(
        field in prop::sample::select(&[
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size",
            "patch_size", "layer_norm_eps", "num_channels",
        ][..]),
        second in prop::sample::select(&["hidden_size", "num_attention_heads", "image_size", "patch_size"][..]),
        number in prop_oneof![any::<f64>(), (0_u32..2000).prop_map(f64::from)],
        whole in prop_oneof![any::<u64>(), 0_u64..2000],
    ) {
        let config = json!({"model_type": "siglip_vision_model", field: number, second: whole});
        if let Ok(config) = read(&config) {
            let vision = config.vision;
            prop_assert!(vision.hidden_size > 0 && vision.intermediate_size > 0 && vision.num_hidden_layers > 0);
            prop_assert_eq!(vision.hidden_size % vision.num_attention_heads, 0);
            prop_assert!(vision.patch_size > 0 && vision.patch_size <= vision.image_size);
            prop_assert!(vision.layer_norm_eps > 0.0 && vision.layer_norm_eps.is_finite());
            prop_assert_eq!(vision.num_channels, 3);
        }
    }
}
