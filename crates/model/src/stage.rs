//! A window into a forward pass, for comparing it stage by stage with a reference.

/// A point of a tower's forward pass. B sequences of T tokens, W wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// `[B][T][W]`: patches or tokens with their positions added.
    Embeddings,
    /// `[B][T][W]`: the output of this block, counted from 0.
    Layer(usize),
    /// `[B][T][W]`: the vision tower's `post_layernorm`, the text tower's `final_layer_norm`.
    Norm,
    /// `[B][W]`: the MAP head's attention after its output projection.
    HeadAttention,
    /// `[B][W]`: the text's last position, before the text head.
    Pooled,
}

/// Sees the stages of a forward pass in their order; large batches come in several parts.
pub trait Observer {
    /// `values` are only valid during the call.
    fn see(&mut self, stage: Stage, values: &[f32]);
}

/// Looks away.
impl Observer for () {
    fn see(&mut self, _: Stage, _: &[f32]) {}
}
