//! Writes scenes that training never shows as a data set for `polysight eval`: a folder for each held-out combination of
//! shape, colour and count, called by its English caption.
//!
//!     cargo run --release -p scenes --example heldout -- OUT [PICTURES]
//!     polysight eval OUT --template none

use std::path::Path;

use anyhow::{Context, Result};
use scenes::{Augmentation, Combination, Generator, Grammar, Scene, Settings, Split};

/// Of the pictures: any will do that no training uses.
const SEED: u64 = 0x0068_656c_646f_7574;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let out = Path::new(arguments.first().context("the name of the folder is missing")?);
    let pictures: u64 = arguments.get(1).map_or(Ok(20), |text| text.parse())?;
    let settings = Settings { augmentation: Augmentation::none(), ..Settings::default() };
    let (grammar, generator) = (Grammar::new(), Generator::new(None, settings)?);
    for combination in Combination::of(Split::HeldOut) {
        let scene = Scene::plain(combination);
        let folder = out.join(grammar.caption(&scene, "en").context("English has a table")?);
        fs_err::create_dir_all(&folder)?;
        for index in 0..pictures {
            let picture = generator.scene(&scene, SEED ^ scene.key(), index).picture;
            let file = fs_err::File::create(folder.join(format!("{index:03}.png")))?;
            let mut encoder = png::Encoder::new(file, picture.width(), picture.height());
            encoder.set_color(png::ColorType::Rgb);
            encoder.write_header()?.write_image_data(picture.data())?;
        }
    }
    Ok(())
}
