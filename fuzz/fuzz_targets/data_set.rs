//! Any bytes as a file of a data set: samples that can be read or say why not, or an error.
//!
//! The first byte chooses the layout. The file stands in the folder for temporary files, which had better be in memory.
#![no_main]

use datasets::{Dataset, Options};
use libfuzzer_sys::fuzz_target;

const LAYOUTS: [&str; 5] = ["tar", "csv", "token", "jsonl", "json"];

fuzz_target!(|bytes: &[u8]| {
    let Some((layout, bytes)) = bytes.split_first() else { return };
    let folder = std::env::temp_dir().join(format!("polysight-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder is made");
    let layout = LAYOUTS[usize::from(*layout) % LAYOUTS.len()];
    let path = folder.join(format!("file.{layout}"));
    std::fs::write(&path, bytes).expect("the file is written");
    let options = Options { pictures: Some(folder.clone()), ..Options::default() };
    if let Ok(dataset) = Dataset::open(&path, &options) {
        assert!(!dataset.is_empty());
        for index in 0..dataset.len() {
            let _either = dataset.sample(index);
            if let Ok(classes) = dataset.classes(index) {
                assert!(classes.is_sorted());
            }
        }
    }
});
