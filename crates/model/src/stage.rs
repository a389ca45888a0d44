//! A window into a forward pass, for comparing it stage by stage with a reference.

use kernels::Rows;

/// A point of a tower's forward pass. B sequences of T tokens, W wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// `[B][T][W]`: patches or tokens with their positions added.
    Embeddings,
    /// `[B][T][W]`: the output of this block, counted from 0. The text tower's last block is only
    /// computed where it is read, so it has no such stage.
    Layer(usize),
    /// `[B][T][W]`: the vision tower's `post_layernorm`.
    Norm,
    /// `[B][W]`: the MAP head's attention after its output projection.
    HeadAttention,
    /// `[B][W]`: the text's last position after `final_layer_norm`, before the text head.
    Pooled,
}

/// Sees the stages of a forward pass in their order; large batches come in several parts.
pub trait Observer {
    /// `values` are only valid during the call.
    fn see(&mut self, stage: Stage, values: &[f32]);

    /// Like [`see`](Self::see), for the first `count` rows of activations in any format.
    fn see_rows(&mut self, stage: Stage, rows: &Rows, count: usize) {
        let mut values = vec![0.0; count * rows.width()];
        for (index, row) in values.chunks_exact_mut(rows.width()).enumerate() {
            rows.read(index, row);
        }
        self.see(stage, &values);
    }
}

/// Looks away.
impl Observer for () {
    fn see(&mut self, _: Stage, _: &[f32]) {}
    fn see_rows(&mut self, _: Stage, _: &Rows, _: usize) {}
}
