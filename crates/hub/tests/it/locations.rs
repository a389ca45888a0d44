//! Where the cache is.

use std::ffi::OsStr;
use std::path::PathBuf;

use hub::{CacheVariables, is_true};

fn text(value: &str) -> &OsStr {
    OsStr::new(value)
}

#[test]
fn the_variables_have_the_order_of_huggingface_hub() {
    let mut variables = CacheVariables {
        hf_hub_cache: Some(text("/hub-cache")),
        huggingface_hub_cache: Some(text("/old-cache")),
        hf_home: Some(text("/hf")),
        hf_token_path: Some(text("/secret/token")),
        xdg_cache_home: Some(text("/xdg")),
        home: Some(text("/home/me")),
    };
    let cache = |variables: CacheVariables<'_>| variables.cache().unwrap();
    let token = |variables: CacheVariables<'_>| variables.token_file().unwrap();
    assert_eq!(cache(variables), PathBuf::from("/hub-cache"));
    assert_eq!(token(variables), PathBuf::from("/secret/token"));
    variables.hf_hub_cache = Some(text(""));
    assert_eq!(cache(variables), PathBuf::from("/old-cache"));
    variables.huggingface_hub_cache = None;
    variables.hf_token_path = None;
    assert_eq!(cache(variables), PathBuf::from("/hf/hub"));
    assert_eq!(token(variables), PathBuf::from("/hf/token"));
    variables.hf_home = Some(text("~/models"));
    assert_eq!(cache(variables), PathBuf::from("/home/me/models/hub"));
    variables.hf_home = None;
    assert_eq!(cache(variables), PathBuf::from("/xdg/huggingface/hub"));
    variables.xdg_cache_home = None;
    assert_eq!(cache(variables), PathBuf::from("/home/me/.cache/huggingface/hub"));
    assert_eq!(token(variables), PathBuf::from("/home/me/.cache/huggingface/token"));
    variables.home = None;
    assert_eq!(variables.cache(), None);
}

#[test]
fn switches_are_read_as_huggingface_hub_reads_them() {
    assert!(["1", "ON", "Yes", "true"].into_iter().all(is_true));
    assert!(["", "0", "off", "no", "false", "2"].into_iter().all(|value| !is_true(value)));
}

#[test]
fn a_token_file_is_read_without_its_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    assert_eq!(hub::Token::read(&path).unwrap(), None);
    fs_err::write(&path, "hf_secret\n").unwrap();
    assert_eq!(hub::Token::read(&path).unwrap(), hub::Token::new("hf_secret", "here").unwrap());
    fs_err::write(&path, "not\na token").unwrap();
    let error = hub::Token::read(&path).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()), "{error}");
}
