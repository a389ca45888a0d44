//! Which published checkpoint a folder has the shape of.

use weights::{Checkpoint, Config};

/// The published checkpoints with a fixed resolution, without `google/`.
const PUBLISHED: &[&str] = &[
    "siglip-base-patch16-224",
    "siglip-base-patch16-256",
    "siglip-base-patch16-256-multilingual",
    "siglip-base-patch16-384",
    "siglip-base-patch16-512",
    "siglip-large-patch16-256",
    "siglip-large-patch16-384",
    "siglip-so400m-patch14-224",
    "siglip-so400m-patch14-384",
    "siglip-so400m-patch16-256-i18n",
    "siglip2-base-patch16-224",
    "siglip2-base-patch16-256",
    "siglip2-base-patch16-384",
    "siglip2-base-patch16-512",
    "siglip2-base-patch32-256",
    "siglip2-giant-opt-patch16-256",
    "siglip2-giant-opt-patch16-384",
    "siglip2-large-patch16-256",
    "siglip2-large-patch16-384",
    "siglip2-large-patch16-512",
    "siglip2-so400m-patch14-224",
    "siglip2-so400m-patch14-384",
    "siglip2-so400m-patch16-256",
    "siglip2-so400m-patch16-384",
    "siglip2-so400m-patch16-512",
];

/// The id of the published checkpoint of this shape. The weights may be others: a fine-tuned checkpoint has the shape of
/// the one it came from.
pub(crate) fn member(checkpoint: &Checkpoint) -> Option<String> {
    if !weights::Tower::ALL.into_iter().all(|tower| checkpoint.has(tower)) {
        return None;
    }
    let name = described(checkpoint.config())?;
    PUBLISHED.contains(&name.as_str()).then(|| format!("google/{name}"))
}

/// The name that a checkpoint of this shape would have.
fn described(config: &Config) -> Option<String> {
    let (vision, text) = (&config.vision, &config.text);
    let size = match (vision.hidden_size, vision.num_hidden_layers) {
        (768, 12) => "base",
        (1024, 24) => "large",
        (1152, 27) => "so400m",
        (1536, 40) => "giant-opt",
        _ => return None,
    };
    let (generation, suffix) = match (text.vocab_size, size) {
        (32_000, _) => ("siglip", ""),
        (250_000, "so400m") => ("siglip", "-i18n"),
        (250_000, _) => ("siglip", "-multilingual"),
        (256_000, _) => ("siglip2", ""),
        _ => return None,
    };
    let (patch, image) = (vision.patch_size, vision.image_size);
    Some(format!("{generation}-{size}-patch{patch}-{image}{suffix}"))
}

#[cfg(test)]
mod tests {
    use weights::Config;

    use super::{PUBLISHED, described};

    #[test]
    fn configurations_of_published_checkpoints_have_their_names() {
        // What the published files hold beside the defaults, as far as it is looked at.
        for (json, name) in [
            ("{}", "siglip-base-patch16-224"),
            (
                r#"{"text_config": {"vocab_size": 250000}, "vision_config": {"image_size": 256}}"#,
                "siglip-base-patch16-256-multilingual",
            ),
            (
                r#"{"text_config": {"vocab_size": 32000, "hidden_size": 1152, "num_attention_heads": 16},
                    "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27, "num_attention_heads": 16,
                                      "patch_size": 14, "image_size": 384}}"#,
                "siglip-so400m-patch14-384",
            ),
            (
                r#"{"text_config": {"vocab_size": 256000}, "vision_config": {"patch_size": 32, "image_size": 256}}"#,
                "siglip2-base-patch32-256",
            ),
        ] {
            let config = Config::from_json(json.as_bytes()).expect("the configuration is valid");
            assert_eq!(described(&config).as_deref(), Some(name));
            assert!(PUBLISHED.contains(&name));
        }
    }
}
