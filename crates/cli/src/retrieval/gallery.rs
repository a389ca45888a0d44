//! A page of pictures in one file: small copies of them, their names and scores, links to the files themselves.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pixels::{Limits, Preprocessor, RgbImage};

use crate::arguments::retrieval::PageOptions;
use crate::console::Console;
use crate::output_file::OutputFile;

/// The longer side of a small picture.
const SIDE: u32 = 360;

const QUALITY: u8 = 82;

const STYLE: &str = include_str!("gallery.css");
const SCRIPT: &str = include_str!("gallery.js");

impl PageOptions {
    /// Whether there is to be a page at all.
    pub(crate) fn is_wanted(&self) -> bool {
        self.open || self.html.is_some()
    }
}

/// The page.
pub(crate) struct Gallery {
    pub(crate) title: String,
    pub(crate) note: String,
    pub(crate) groups: Vec<Group>,
}

/// Pictures that belong together.
pub(crate) struct Group {
    pub(crate) title: Option<String>,
    pub(crate) tiles: Vec<Tile>,
}

/// One picture.
pub(crate) struct Tile {
    path: PathBuf,
    caption: String,
}

impl Tile {
    pub(crate) fn new(path: &str, caption: String) -> Self {
        Self { path: path.into(), caption }
    }
}

impl Gallery {
    /// Writes the page where the user wants it, by default to a file among the temporary ones; shows it, if that is wanted; and says
    /// where it is.
    ///
    /// # Errors
    /// When it cannot be written or shown. A picture that is gone has a grey place.
    pub(crate) fn present(
        &self,
        options: &PageOptions,
        console: &Console,
    ) -> anyhow::Result<PathBuf> {
        let path = self.write(options.html.as_deref(), console)?;
        if options.open {
            open::that_detached(&path)?;
        }
        Ok(path)
    }

    fn write(&self, path: Option<&Path>, console: &Console) -> anyhow::Result<PathBuf> {
        let path = match path {
            Some(path) => std::path::absolute(path)?,
            None => std::env::temp_dir().join(format!("polysight-{}.html", std::process::id())),
        };
        let mut file = OutputFile::create(&path)?;
        file.write(self.head().as_bytes())?;
        if self.groups.iter().all(|group| group.tiles.is_empty()) {
            file.write(b"<p class=\"none\">Nothing was found.</p>\n")?;
        }
        for group in &self.groups {
            if let Some(title) = &group.title {
                file.write(format!("<h2>{}</h2>\n", escaped(title)).as_bytes())?;
            }
            file.write(b"<ol class=\"tiles\">\n")?;
            for tile in &group.tiles {
                file.write(html(tile, console).as_bytes())?;
            }
            file.write(b"</ol>\n")?;
        }
        let end = format!(
            "<dialog><img alt=\"\"><p></p></dialog>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
        );
        file.write(end.as_bytes())?;
        file.finish()?;
        Ok(path)
    }

    fn head(&self) -> String {
        let (title, note) = (escaped(&self.title), escaped(&self.note));
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · polysight</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<header><h1>{title}</h1><p>{note}</p></header>\n"
        )
    }
}

fn html(tile: &Tile, console: &Console) -> String {
    let name = tile.path.file_name().unwrap_or_default().to_string_lossy();
    let (name, full) = (escaped(&name), escaped(&tile.path.display().to_string()));
    let mut html = format!("<li><a href=\"{}\" title=\"{full}\">", file_url(&tile.path));
    match small(&tile.path) {
        Ok((jpeg, width, height)) => {
            let data = BASE64_STANDARD.encode(jpeg);
            let _infallible = write!(
                html,
                "<img loading=\"lazy\" width=\"{width}\" height=\"{height}\" alt=\"{name}\" src=\"data:image/jpeg;base64,{data}\">"
            );
        }
        Err(error) => {
            console.failed(&tile.path.display().to_string(), &format!("{error:#}"));
            html.push_str("<span class=\"gone\">cannot be shown</span>");
        }
    }
    let _infallible = writeln!(
        html,
        "</a><div><span class=\"name\">{name}</span><span class=\"score\">{}</span></div></li>",
        escaped(&tile.caption)
    );
    html
}

/// A JPEG, and its extents.
fn small(path: &Path) -> anyhow::Result<(Vec<u8>, u32, u32)> {
    let limits = Limits::default();
    let length = fs_err::metadata(path)?.len();
    anyhow::ensure!(length <= limits.bytes, "larger than the limit of {} bytes", limits.bytes);
    let image = pixels::decode(&fs_err::read(path)?, &limits)?;
    let image = shrunk(image);
    let (width, height) = (image.width(), image.height());
    let mut jpeg = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut jpeg, QUALITY);
    let sides = (u16::try_from(width)?, u16::try_from(height)?);
    encoder
        .encode(image.data(), sides.0, sides.1, jpeg_encoder::ColorType::Rgb)
        .context("cannot be written as JPEG")?;
    Ok((jpeg, width, height))
}

fn shrunk(image: RgbImage) -> RgbImage {
    let longer = image.width().max(image.height());
    if longer <= SIDE {
        return image;
    }
    let side = |side: u32| ((u64::from(side) * u64::from(SIDE) / u64::from(longer)) as u32).max(1);
    Preprocessor::new(side(image.width()), side(image.height())).resize(&image)
}

/// A `file://` address: what has a meaning in addresses is written in hexadecimal digits.
fn file_url(path: &Path) -> String {
    let mut url = "file://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                url.push(char::from(byte));
            }
            other => {
                let _infallible = write!(url, "%{other:02X}");
            }
        }
    }
    url
}

/// A text between tags or quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
