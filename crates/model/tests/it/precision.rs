//! What the reduced precisions lose.
#![expect(clippy::print_stdout, reason = "`--nocapture` shows the measured errors")]

use kernels::Isa;
use model::{Engine, Precision};
use weights::Tower;

use crate::goldens::{Goldens, largest_angle};

/// The largest 1 - cosine of a folder's embeddings against the f64 reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub(crate) images: f64,
    pub(crate) texts: f64,
}

pub(crate) fn loss(goldens: &Goldens, precision: Precision, isa: Isa) -> Loss {
    let engine = goldens.engine_in(precision, isa, 2);
    let pictures = goldens.pictures();
    let dimension = engine.dimension(Tower::Vision).expect("there is a vision tower");
    let mut images = vec![0.0; pictures.len() * dimension];
    let pictures = pictures.iter().collect::<Vec<_>>();
    engine.embed_images(&pictures, &mut images, &mut ()).expect("pictures are embedded");
    let mut texts = vec![0.0; goldens.shape("text.input_ids")[0] * dimension];
    engine.embed_texts(&goldens.ids(), &mut texts, &mut ()).expect("texts are embedded");
    let loss = Loss {
        images: largest_angle(&images, &goldens.numbers("f64.image_embeds"), dimension),
        texts: largest_angle(&texts, &goldens.numbers("f64.text_embeds"), dimension),
    };
    println!(
        "{} in {precision} on {isa}: 1 - cosine at most {:.1e} (images), {:.1e} (texts)",
        goldens.folder.display(),
        loss.images,
        loss.texts
    );
    loss
}

#[test]
fn reduced_precision_loses_what_its_rounding_explains_on_every_family_member() {
    for isa in Isa::available() {
        for name in ["tiny-base", "tiny-so400m", "tiny-i18n", "tiny-siglip2"] {
            let goldens = Goldens::tiny(name);
            // Narrow towers average over few products: measured at most 1.5e-4 and 1.3e-3 (the
            // full width is ten times better, see `full_size`).
            let bf16 = loss(&goldens, Precision::Bf16, isa);
            assert!(bf16.images <= 3e-4 && bf16.texts <= 3e-4, "{name} on {isa}: {bf16:?}");
            let int8 = loss(&goldens, Precision::Int8, isa);
            assert!(int8.images <= 2e-3 && int8.texts <= 2e-3, "{name} on {isa}: {int8:?}");
        }
    }
}
