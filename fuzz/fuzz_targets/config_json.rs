//! Any bytes as `config.json` and as `preprocessor_config.json`: a sane configuration, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weights::{Config, Preprocessing, VisionConfig};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(config) = Config::from_json(bytes) {
        let (text, vision) = (&config.text, &config.vision);
        assert!(vision.hidden_size % vision.num_attention_heads == 0);
        assert!(text.hidden_size % text.num_attention_heads == 0);
        assert!(0 < vision.patch_size && vision.patch_size <= vision.image_size);
        assert!((text.pad_token_id as usize) < text.vocab_size);
        assert!(vision.layer_norm_eps > 0.0 && text.layer_norm_eps > 0.0);
    }
    if let Ok(preprocessing) = Preprocessing::from_json(bytes, &VisionConfig::default()) {
        assert!(preprocessing.std.iter().all(|deviation| *deviation > 0.0));
        assert!(preprocessing.mean.iter().all(|mean| mean.is_finite()));
    }
});
