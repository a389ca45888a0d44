//! Sentences around a label: "cat" becomes "This is a photo of cat.".
//!
//! A template holds `{}` or `{c}` where the label goes. Built-in sets are named by language; they
//! put the label where it needs no inflection (an article before it, or a colon), because the
//! label is inserted as it is.

use crate::ModelError;

/// One sentence with a place for the label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Template(String);

impl Template {
    /// A template from its text.
    ///
    /// # Errors
    ///
    /// When it has neither `{}` nor `{c}`.
    pub fn new(text: &str) -> Result<Self, ModelError> {
        if text.contains("{}") || text.contains("{c}") {
            return Ok(Self(text.to_owned()));
        }
        Err(ModelError::Template(text.to_owned()))
    }

    /// The sentence for a label. What the label itself holds is never read as a place.
    pub fn fill(&self, label: &str) -> String {
        let mut sentence = String::with_capacity(self.0.len() + label.len());
        let mut rest = self.0.as_str();
        while let Some(open) = rest.find('{') {
            let (before, place) = rest.split_at(open);
            sentence.push_str(before);
            if let Some(after) = place.strip_prefix("{}").or_else(|| place.strip_prefix("{c}")) {
                sentence.push_str(label);
                rest = after;
            } else {
                sentence.push('{');
                rest = &place[1..];
            }
        }
        sentence.push_str(rest);
        sentence
    }

    /// The text with its place.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The set that is used when nobody names one: the sentence that the checkpoints' own examples use.
pub const AUTO: &str = "auto";

/// A built-in set: a name and its templates.
struct BuiltIn {
    name: &'static str,
    templates: &'static [&'static str],
}

const fn set(name: &'static str, templates: &'static [&'static str]) -> BuiltIn {
    BuiltIn { name, templates }
}

/// `auto`, `none` (the bare label), then one set per language.
const BUILT_IN: &[BuiltIn] = &[
    set(AUTO, &["This is a photo of {}."]),
    set("none", &["{}"]),
    set("ar", &["صورة {}", "هذه صورة {}", "{} في الصورة"]),
    set("cs", &["{}", "fotografie: {}", "na obrázku je {}"]),
    set("de", &["{}", "ein Foto: {}", "auf dem Bild: {}", "das ist {}"]),
    set("en", &["a photo of a {}", "a picture of a {}", "This is a photo of {}.", "{} in a photo"]),
    set("es", &["una foto de {}", "una imagen de {}", "{} en una foto"]),
    set("fa", &["عکس {}", "تصویری از {}", "{} در تصویر"]),
    set("fi", &["{}", "valokuva: {}", "kuvassa on {}"]),
    set("fr", &["une photo : {}", "une image : {}", "{} sur une photo"]),
    set("he", &["תמונה של {}", "צילום של {}", "{} בתמונה"]),
    set("hi", &["{} की तस्वीर", "{} का चित्र", "तस्वीर में {}"]),
    set("id", &["foto {}", "gambar {}", "ini adalah foto {}"]),
    set("it", &["una foto di {}", "un'immagine di {}", "{} in una foto"]),
    set("ja", &["{}の写真", "{}の画像", "これは{}です"]),
    set("ko", &["{} 사진", "{} 이미지", "이것은 {}입니다"]),
    set("nl", &["een foto van {}", "een afbeelding van {}", "{} op een foto"]),
    set("pl", &["{}", "zdjęcie: {}", "na zdjęciu jest {}"]),
    set("pt", &["uma foto de {}", "uma imagem de {}", "{} em uma foto"]),
    set("ru", &["{}", "фото: {}", "на картинке {}"]),
    set("sv", &["ett foto av {}", "en bild av {}", "{} på en bild"]),
    set("th", &["ภาพถ่ายของ{}", "รูปภาพ{}", "นี่คือ{}"]),
    set("tr", &["{} fotoğrafı", "{} resmi", "bu bir {}"]),
    set("uk", &["{}", "фото: {}", "на зображенні {}"]),
    set("vi", &["ảnh chụp {}", "hình ảnh {}", "đây là {}"]),
    set("zh", &["一张{}的照片", "一幅{}的图片", "这是{}"]),
];

/// The names of the built-in sets: `auto`, `none`, and language codes.
pub fn set_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|set| set.name)
}

pub(crate) fn known_names() -> String {
    set_names().collect::<Vec<_>>().join(", ")
}

/// The templates that `choices` name: each is a template of its own or the name of a built-in
/// set. No choice at all means `auto`.
///
/// # Errors
///
/// When a choice is neither.
pub fn choose<S: AsRef<str>>(choices: &[S]) -> Result<Vec<Template>, ModelError> {
    if choices.is_empty() {
        return choose(&[AUTO]);
    }
    let mut templates = Vec::new();
    for choice in choices.iter().map(AsRef::as_ref) {
        match BUILT_IN.iter().find(|set| set.name == choice) {
            Some(set) => {
                templates.extend(set.templates.iter().map(|&text| Template(text.to_owned())));
            }
            None => templates.push(Template::new(choice)?),
        }
    }
    Ok(templates)
}
