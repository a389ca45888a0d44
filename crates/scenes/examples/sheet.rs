//! Draws a contact sheet of examples and prints their captions.
//!
//!     cargo run --release -p scenes --example sheet -- sheet.png [DIR [SEED [COLUMNS [ROWS]]]]
//!
//! DIR is what `recipes/mini/prepare.py` writes; without it, or with `-`, the sheet shows drawn scenes alone. The time
//! an example takes is printed last.

#![allow(clippy::print_stdout, reason = "printing is what it does")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use scenes::{Artwork, ArtworkSettings, Content, Generator, Settings};

const MARGIN: usize = 4;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let target = arguments.first().context("the name of the sheet is missing")?;
    let number = |place: usize, otherwise: u64| -> Result<u64> {
        arguments.get(place).map_or(Ok(otherwise), |text| Ok(text.parse()?))
    };
    let (seed, columns, rows) = (number(2, 0)?, number(3, 16)? as usize, number(4, 12)? as usize);
    let artwork = match arguments.get(1) {
        Some(dir) if dir != "-" => {
            let begun = Instant::now();
            let settings = ArtworkSettings { threads: 2, ..ArtworkSettings::default() };
            let artwork = Artwork::open(Path::new(dir), &settings)?;
            println!(
                "{} pictograms, {} drawings of {} vendors, {} languages, loaded in {:.1} s",
                artwork.len(),
                artwork.drawings(),
                artwork.vendors().len(),
                artwork.languages().len(),
                begun.elapsed().as_secs_f32()
            );
            Some(Arc::new(artwork))
        }
        _ => None,
    };
    let settings = Settings::default();
    let side = settings.side as usize;
    let generator = Generator::new(artwork, settings)?;

    let (width, height) = (columns * (side + MARGIN), rows * (side + MARGIN));
    let mut sheet = vec![128; width * height * 3];
    for index in 0..columns * rows {
        let example = generator.example(seed, index as u64);
        let (left, top) = (index % columns * (side + MARGIN), index / columns * (side + MARGIN));
        for (y, row) in example.picture.data().chunks_exact(side * 3).enumerate() {
            let at = ((top + y) * width + left) * 3;
            sheet[at..at + side * 3].copy_from_slice(row);
        }
        let texts: Vec<String> = example
            .captions
            .iter()
            .map(|caption| format!("{}: {}", caption.language, caption.text))
            .collect();
        println!("{} {}  {}", index / columns, index % columns, texts.join(" | "));
    }
    write(target, width, height, &sheet)?;

    for kind in ["pictogram", "scene"] {
        let (mut count, mut seconds) = (0, 0.0);
        for index in 0..20_000 {
            let begun = Instant::now();
            let example = generator.example(seed + 1, index);
            let taken = begun.elapsed().as_secs_f64();
            let is_scene = matches!(example.content, Content::Scene(_));
            if is_scene == (kind == "scene") {
                count += 1;
                seconds += taken;
            }
        }
        if count > 0 {
            println!(
                "{kind}: {:.1} microseconds each, mean of {count}",
                seconds / f64::from(count) * 1e6
            );
        }
    }
    Ok(())
}

fn write(target: &str, width: usize, height: usize, data: &[u8]) -> Result<()> {
    let file = std::io::BufWriter::new(fs_err::File::create(target)?);
    let mut encoder = png::Encoder::new(file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(data)?;
    Ok(())
}
