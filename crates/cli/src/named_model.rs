//! `[NAME=]FOLDER|ID`: a model and the name under which it is served.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// A model and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NamedModel<'a> {
    /// `None` when the model is to be known by its own name.
    pub(crate) name: Option<&'a str>,
    /// A folder, which may be a path that is no UTF-8, or an id.
    pub(crate) source: &'a OsStr,
}

impl<'a> NamedModel<'a> {
    /// Takes `NAME=FOLDER` apart. A name begins with a letter or a digit and goes on with letters, digits and `.`, `_`,
    /// `-`, `:`, `/`, all of ASCII. What stands before the first `=` and is none belongs to the folder, and `=FOLDER` is
    /// a folder for sure.
    pub(crate) fn split(text: &'a OsStr) -> Self {
        let parts = text.to_str().and_then(|text| text.split_once('='));
        match parts {
            Some(("", source)) => Self { name: None, source: OsStr::new(source) },
            Some((name, source)) if is_name(name) => {
                Self { name: Some(name), source: OsStr::new(source) }
            }
            _ => Self { name: None, source: text },
        }
    }

    /// The text of a configuration file in `folder`, whose relative paths begin there: a model is one when it begins
    /// with `./` or `../` or exists there, and an id else. What comes back always has the `=`.
    pub(crate) fn from_folder(text: &'a str, folder: &Path) -> OsString {
        let Self { name, source } = Self::split(OsStr::new(text));
        let path = folder.join(source);
        let is_path = Path::new(source).starts_with(".") || Path::new(source).starts_with("..");
        let mut resolved = OsString::from(name.unwrap_or(""));
        resolved.push("=");
        resolved.push(if is_path || path.exists() { path.as_os_str() } else { source });
        resolved
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::NamedModel;

    fn split(text: &str) -> (Option<&str>, &str) {
        let NamedModel { name, source } = NamedModel::split(OsStr::new(text));
        (name, source.to_str().unwrap())
    }

    #[test]
    fn a_name_stands_before_the_first_equals_sign() {
        assert_eq!(split("photos=models/base"), (Some("photos"), "models/base"));
        assert_eq!(split("org/name=m=1"), (Some("org/name"), "m=1"));
        assert_eq!(split("models/base"), (None, "models/base"));
    }

    #[test]
    fn a_path_with_an_equals_sign_stays_a_path() {
        for path in ["./lr=0.1/model", "/runs/lr=0.1", "../lr=1", "my runs/lr=1"] {
            assert_eq!(split(path), (None, path));
        }
        assert_eq!(split("=runs/lr=0.1"), (None, "runs/lr=0.1"));
    }

    #[test]
    fn a_model_of_a_file_is_looked_for_beside_the_file() {
        let place = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(place.path().join("base")).unwrap();
        let resolved = |text| NamedModel::from_folder(text, place.path());
        let beside = |name: &str| place.path().join(name).into_os_string();
        for (text, name, source) in [
            ("base", None, beside("base")),
            ("x=base", Some("x"), beside("base")),
            ("./absent", None, beside("./absent")),
            ("org/absent", None, "org/absent".into()),
            ("/absent", None, "/absent".into()),
        ] {
            let text = resolved(text);
            assert_eq!(NamedModel::split(&text), NamedModel { name, source: &source });
        }
        let text = NamedModel::from_folder("./m", Path::new("lr=1"));
        assert_eq!(split(text.to_str().unwrap()).0, None, "the folder's name is no model's");
    }
}
