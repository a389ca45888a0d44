use model::operations;
use weights::{Config, Tower};

#[test]
fn the_target_costs_46_8_and_11_0_billion_operations() {
    let json = br#"{"model_type":"siglip","text_config":{"vocab_size":250000},"vision_config":{"image_size":256}}"#;
    let config = Config::from_json(json).expect("the target's configuration");
    let billions = |tower| operations(&config, tower) as f64 / 1e9;
    assert!((billions(Tower::Vision) - 46.8).abs() < 0.05, "{}", billions(Tower::Vision));
    assert!((billions(Tower::Text) - 11.0).abs() < 0.05, "{}", billions(Tower::Text));
}
