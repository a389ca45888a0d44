//! The prepared folder of `recipes/mini/prepare.py` in memory: drawings at a bounded size, and names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::ScenesError;
use crate::names::{self, Named, Names};
use crate::piece::Piece;

/// How artwork is loaded.
#[derive(Clone, Debug)]
pub struct ArtworkSettings {
    /// Pixels a side at which a drawing is kept, 16 to 256. Each takes about 5.3 times the square of this in bytes.
    pub side: usize,
    /// The languages whose names are kept; all when empty.
    pub languages: Vec<String>,
    /// Threads that decode, at least 1.
    pub threads: usize,
}

impl Default for ArtworkSettings {
    fn default() -> Self {
        Self { side: 72, languages: Vec::new(), threads: 1 }
    }
}

/// A pictogram with its names and drawings.
pub(crate) struct Pictogram {
    pub(crate) ident: String,
    names: Vec<Option<Names>>,
    /// One for each vendor that draws it, in the order of vendors.
    pub(crate) drawings: Vec<Piece>,
    /// How often each drawing is taken.
    pub(crate) weights: Vec<f32>,
    /// One code point, not a sequence of several.
    pub(crate) is_single: bool,
    /// Its name has a colour: another colour would be another pictogram.
    pub(crate) colour_matters: bool,
    /// It stays what it is in a mirror.
    pub(crate) may_flip: bool,
}

/// All pictograms of a prepared folder.
pub struct Artwork {
    pub(crate) pictograms: Vec<Pictogram>,
    /// How many of them are one code point.
    pub(crate) singles: usize,
    languages: Vec<String>,
    vendors: Vec<String>,
}

#[derive(Deserialize)]
struct Manifest {
    vendors: BTreeMap<String, Vendor>,
}

#[derive(Deserialize)]
struct Vendor {
    weight: f32,
}

/// A file to decode.
struct Task {
    pictogram: usize,
    vendor: usize,
    path: PathBuf,
}

impl Artwork {
    /// Loads `dir` as `prepare.py` leaves it. The drawings of `dir/heldout` are not read.
    ///
    /// # Errors
    /// When a file is missing or is not what `prepare.py` writes, or when a wanted language has no names.
    pub fn open(dir: &Path, settings: &ArtworkSettings) -> Result<Self, ScenesError> {
        if !(16..=256).contains(&settings.side) {
            let problem = format!("is {}; it may be 16 to 256 pixels", settings.side);
            return Err(ScenesError::Setting { setting: "artwork side", problem });
        }
        let manifest_path = dir.join("manifest.json");
        let manifest: Manifest =
            serde_json::from_str(&fs_err::read_to_string(&manifest_path)?).map_err(|error| {
                ScenesError::Artwork { path: manifest_path, problem: error.to_string() }
            })?;
        let table = names::read(&dir.join("names.jsonl"), &settings.languages)?;
        let mut pictograms: Vec<Pictogram> =
            table.pictograms.into_iter().map(Pictogram::new).collect();
        let place: BTreeMap<String, usize> = pictograms
            .iter()
            .enumerate()
            .map(|(at, pictogram)| (pictogram.ident.clone(), at))
            .collect();

        let mut tasks = Vec::new();
        for (vendor, name) in manifest.vendors.keys().enumerate() {
            for entry in fs_err::read_dir(dir.join("artwork").join(name))? {
                let path = entry?.path();
                let ident = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                if let Some(&pictogram) = place.get(ident) {
                    tasks.push(Task { pictogram, vendor, path });
                }
            }
        }
        // The order of a folder differs from one file system to another.
        tasks.sort_by(|a, b| (a.vendor, &a.path).cmp(&(b.vendor, &b.path)));
        let pieces = decode_all(&tasks, settings.side, settings.threads.max(1))?;
        let weights: Vec<f32> = manifest.vendors.values().map(|vendor| vendor.weight).collect();
        for (task, piece) in tasks.iter().zip(pieces) {
            let pictogram = &mut pictograms[task.pictogram];
            pictogram.drawings.push(piece);
            pictogram.weights.push(weights[task.vendor]);
        }
        pictograms.retain(|pictogram| !pictogram.drawings.is_empty());
        if pictograms.is_empty() {
            let problem = "no drawing of a named pictogram in this folder".to_owned();
            return Err(ScenesError::Artwork { path: dir.join("artwork"), problem });
        }
        Ok(Self {
            singles: pictograms.iter().filter(|pictogram| pictogram.is_single).count(),
            pictograms,
            languages: table.languages,
            vendors: manifest.vendors.into_keys().collect(),
        })
    }

    /// How many pictograms there are.
    pub fn len(&self) -> usize {
        self.pictograms.len()
    }

    /// Never: a folder without pictograms is not opened.
    pub fn is_empty(&self) -> bool {
        self.pictograms.is_empty()
    }

    /// The languages that names were loaded in, in alphabetical order.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The vendors, in alphabetical order.
    pub fn vendors(&self) -> &[String] {
        &self.vendors
    }

    /// How many drawings all vendors together have.
    pub fn drawings(&self) -> usize {
        self.pictograms.iter().map(|pictogram| pictogram.drawings.len()).sum()
    }

    /// The identity of a pictogram, its code points: `1f600`.
    ///
    /// # Panics
    /// When there are not as many pictograms.
    pub fn ident(&self, pictogram: usize) -> &str {
        &self.pictograms[pictogram].ident
    }

    /// The pictogram of an identity.
    pub fn find(&self, ident: &str) -> Option<usize> {
        self.pictograms.iter().position(|pictogram| pictogram.ident == ident)
    }

    /// The names of a pictogram in a language.
    ///
    /// # Panics
    /// When there are not as many pictograms.
    pub fn names(&self, pictogram: usize, language: &str) -> Option<&Names> {
        let place = self.languages.binary_search_by(|known| known.as_str().cmp(language)).ok()?;
        self.pictograms[pictogram].name(place)
    }
}

impl Pictogram {
    /// The names in the language at `place` of the artwork's languages.
    pub(crate) fn name(&self, place: usize) -> Option<&Names> {
        self.names[place].as_ref()
    }

    fn new(named: Named) -> Self {
        Self {
            colour_matters: names_a_colour(&named.english),
            may_flip: is_flippable(&named.ident, &named.english),
            is_single: !named.ident.contains('-'),
            ident: named.ident,
            names: named.names,
            drawings: Vec::new(),
            weights: Vec::new(),
        }
    }
}

fn names_a_colour(english: &str) -> bool {
    const COLOURS: &[&str] = &[
        "black", "blue", "brown", "green", "grey", "orange", "pink", "purple", "red", "white",
        "yellow", "flag", "flag:", "blond", "hair", "light", "traffic",
    ];
    english.split([' ', '-']).any(|word| COLOURS.contains(&word))
}

/// Whether a mirror leaves the meaning: true of animals, food, plants and faces, but of nothing that has letters, hands
/// of a clock or a direction.
fn is_flippable(ident: &str, english: &str) -> bool {
    const RANGES: &[[u32; 2]] = &[
        [0x1f314, 0x1f37f],
        [0x1f400, 0x1f43f],
        [0x1f600, 0x1f64f],
        [0x1f680, 0x1f6a4],
        [0x1f900, 0x1f9ff],
        [0x1fa70, 0x1faff],
    ];
    let directed = ["left", "right", "moon", "arrow", "index", "sign"]
        .iter()
        .any(|word| english.contains(word));
    let code = u32::from_str_radix(ident, 16).unwrap_or(0);
    !directed && RANGES.iter().any(|[first, last]| (*first..=*last).contains(&code))
}

/// Decodes all files, in order.
fn decode_all(tasks: &[Task], side: usize, threads: usize) -> Result<Vec<Piece>, ScenesError> {
    let chunk = tasks.len().div_ceil(threads).max(1);
    let decode = |part: &[Task]| part.iter().map(|task| decode(&task.path, side)).collect();
    let parts: Vec<Result<Vec<Piece>, ScenesError>> = std::thread::scope(|scope| {
        let running: Vec<_> =
            tasks.chunks(chunk).map(|part| scope.spawn(move || decode(part))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().expect("decoding does not panic")
        };
        running.into_iter().map(join).collect()
    });
    let mut pieces = Vec::with_capacity(tasks.len());
    for part in parts {
        pieces.extend(part?);
    }
    Ok(pieces)
}

fn decode(path: &Path, kept: usize) -> Result<Piece, ScenesError> {
    let broken = |problem: String| ScenesError::Artwork { path: path.to_owned(), problem };
    let file = std::io::BufReader::new(fs_err::File::open(path)?);
    let mut reader =
        png::Decoder::new(file).read_info().map_err(|error| broken(error.to_string()))?;
    let info = reader.info();
    let is_square = info.width == info.height && (1..=1024).contains(&info.width);
    if !is_square
        || info.color_type != png::ColorType::Rgba
        || info.bit_depth != png::BitDepth::Eight
    {
        return Err(broken(format!(
            "{}x{} {:?}: a drawing is a square of at most 1024 pixels in 8-bit RGBA",
            info.width, info.height, info.color_type
        )));
    }
    let side = info.width as usize;
    let mut rgba = vec![0; side * side * 4];
    reader.next_frame(&mut rgba).map_err(|error| broken(error.to_string()))?;
    Ok(Piece::new(side, &rgba, kept))
}
