//! Captions and which of them are used.

/// What somebody says about a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caption {
    /// The language's code, as the data set has it; `None` when it does not say.
    pub language: Option<String>,
    /// As it stands in the data set, without the spaces around it.
    pub text: String,
}

/// Which of a picture's captions are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptionChoice {
    /// Every one.
    #[default]
    All,
    /// The first of each language, as some publications measure.
    First,
}

/// Leaves the captions of `languages` (all, when there are none) that `choice` takes. A caption whose language nobody
/// knows stays.
pub(crate) fn choose(captions: &mut Vec<Caption>, languages: &[String], choice: CaptionChoice) {
    if !languages.is_empty() {
        captions.retain(|caption| {
            caption.language.as_ref().is_none_or(|language| languages.contains(language))
        });
    }
    if choice == CaptionChoice::First {
        let mut seen = Vec::new();
        captions.retain(|caption| {
            let new = !seen.contains(&caption.language);
            if new {
                seen.push(caption.language.clone());
            }
            new
        });
    }
}
