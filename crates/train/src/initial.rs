//! The values of a model that begins from nothing.

use weights::Config;

use crate::parameters::Parameters;

/// Numbers that depend on nothing but a seed and their place: `SplitMix64`, two at a time through Box and Muller.
struct Normal {
    state: u64,
    spare: Option<f64>,
}

impl Normal {
    fn new(seed: u64) -> Self {
        Self { state: seed, spare: None }
    }

    /// In 0..1, never 0.
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let (length, angle) = ((-2.0 * self.uniform().ln()).sqrt(), self.uniform());
        let angle = angle * std::f64::consts::TAU;
        self.spare = Some(length * angle.sin());
        length * angle.cos()
    }
}

/// How cosines become logits before anything was learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InitialLine {
    /// `exp(logit_scale)`.
    pub scale: f32,
    /// `logit_bias`.
    pub bias: f32,
}

impl InitialLine {
    /// The usual start for `texts` texts to each picture: t = 10, and b = -10 for large batches. In a small one that would
    /// make every pair look wrong beyond doubt, so b is `-ln(texts - 1)`: the share of pairs that match.
    pub fn for_texts(texts: usize) -> Self {
        let bias = -(texts.saturating_sub(1).max(1) as f32).ln();
        Self { scale: 10.0, bias: bias.max(-10.0) }
    }
}

/// Fills in the values of all parameters: norms 1 and 0, biases 0, weights normal with the deviations of the original
/// (`1 / sqrt(inputs)` of linear layers by Xavier's rule for attention, `1 / sqrt(width)` of positions and tokens).
pub fn initialise(parameters: &mut Parameters, config: &Config, line: InitialLine, seed: u64) {
    let list = parameters.list().to_vec();
    for (index, parameter) in list.iter().enumerate() {
        let mut normal = Normal::new(seed ^ (index as u64).wrapping_mul(0xA076_1D64_78BD_642F));
        let values = &mut parameters.values[parameter.range.clone()];
        let name = parameter.name.as_str();
        let width = if name.starts_with("vision_model.") {
            config.vision.hidden_size
        } else {
            config.text.hidden_size
        };
        let count = values.len();
        let mut fill = |deviation: f64| {
            for value in values.iter_mut() {
                *value = (normal.next() * deviation) as f32;
            }
        };
        match name {
            "logit_scale" => values[0] = line.scale.ln(),
            "logit_bias" => values[0] = line.bias,
            _ if name.contains("norm") && name.ends_with(".weight") => values.fill(1.0),
            _ if name.ends_with("bias") => values.fill(0.0),
            _ if name.ends_with("embedding.weight") && name.contains("patch") => {
                fill(1.0 / (parameter.shape[1..].iter().product::<usize>() as f64).sqrt());
            }
            _ if name.ends_with("embedding.weight") => fill(1.0 / (width as f64).sqrt()),
            _ if name.ends_with("head.probe") => fill((1.0 / width as f64).sqrt()),
            _ => {
                let (outputs, inputs) = match *parameter.shape.as_slice() {
                    [outputs, inputs] if name.ends_with("in_proj_weight") => (outputs / 3, inputs),
                    [outputs, inputs] => (outputs, inputs),
                    _ => (1, count.max(1)),
                };
                fill((2.0 / (outputs + inputs) as f64).sqrt());
            }
        }
    }
}
