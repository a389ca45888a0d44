//! A prepared folder as `recipes/mini/prepare.py` writes it, with four simple drawings of two vendors.

use std::path::Path;

use tempfile::TempDir;

const SIDE: usize = 128;

/// What the folder holds: identity, English, German, French.
pub(crate) const NAMES: &[[&str; 4]] = &[
    ["1f534", "red circle", "roter Kreis", "cercle rouge"],
    ["1f535", "blue circle", "blauer Kreis", "cercle bleu"],
    ["1f3e0", "house", "Haus", "maison"],
    ["1f319", "crescent moon", "Mondsichel", ""],
];

/// Writes a square drawing; `pixel` gives straight RGBA for x and y from -1 to 1.
fn draw(path: &Path, pixel: impl Fn(f32, f32) -> [u8; 4]) {
    let place = |i: usize| (i as f32 + 0.5) / SIDE as f32 * 2.0 - 1.0;
    let data: Vec<u8> =
        (0..SIDE * SIDE).flat_map(|at| pixel(place(at % SIDE), place(at / SIDE))).collect();
    let mut encoder =
        png::Encoder::new(fs_err::File::create(path).unwrap(), SIDE as u32, SIDE as u32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().unwrap().write_image_data(&data).unwrap();
}

/// The folder; the manifest gives `flat` twice the weight of `ink`.
pub(crate) fn prepared() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let vendor = |name: &str| {
        let path = folder.path().join("artwork").join(name);
        fs_err::create_dir_all(&path).unwrap();
        path
    };
    let (flat, ink) = (vendor("flat"), vendor("ink"));
    let disc = |colour: [u8; 3]| {
        move |x: f32, y: f32| {
            let [r, g, b] = colour;
            [r, g, b, if x * x + y * y < 0.8 { 255 } else { 0 }]
        }
    };
    draw(&flat.join("1f534.png"), disc([220, 30, 30]));
    draw(&flat.join("1f535.png"), disc([30, 60, 220]));
    draw(&flat.join("1f3e0.png"), |x, y| {
        let wall = x.abs() < 0.6 && (0.0..0.8).contains(&y);
        let roof = y < 0.0 && x.abs() < 0.9 + y;
        if wall { [200, 180, 120, 255] } else { [160, 40, 30, if roof { 255 } else { 0 }] }
    });
    draw(&ink.join("1f3e0.png"), |x, y| {
        let outer = x.abs() < 0.7 && y.abs() < 0.7;
        let inner = x.abs() < 0.55 && y.abs() < 0.55;
        [0, 0, 0, if outer && !inner { 255 } else { 0 }]
    });
    draw(&ink.join("1f319.png"), |x, y| {
        let moon = x * x + y * y < 0.8 && (x - 0.4) * (x - 0.4) + y * y > 0.5;
        [0, 0, 0, if moon { 255 } else { 0 }]
    });
    // A drawing without a name is left out.
    draw(&ink.join("1f9ff.png"), disc([1, 2, 3]));
    let lines: Vec<String> = NAMES
        .iter()
        .map(|[ident, english, german, french]| {
            let mut names =
                serde_json::json!({ "en": [english, "first", "second"], "de": [german] });
            if !french.is_empty() {
                names["fr"] = serde_json::json!([french, "mot"]);
            }
            serde_json::json!({ "id": ident, "names": names }).to_string() + "\n"
        })
        .collect();
    fs_err::write(folder.path().join("names.jsonl"), lines.concat()).unwrap();
    let manifest = r#"{"vendors": {"flat": {"weight": 2}, "ink": {"weight": 1}}}"#;
    fs_err::write(folder.path().join("manifest.json"), manifest).unwrap();
    folder
}
