//! Pulls or finds a model, for `parity/hub_layout.py`: `pull ENDPOINT CACHE ID` or `find ENDPOINT CACHE ID`.
#![allow(clippy::print_stdout, reason = "the script reads the path")]

use hub::{Hub, HubOptions, Silent};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [action, endpoint, cache, id] = arguments.as_slice() else {
        return Err("usage: pull|find ENDPOINT CACHE ID".into());
    };
    let mut options = HubOptions::new(cache.into());
    options.endpoint.clone_from(endpoint);
    let hub = Hub::new(options)?;
    let folder = match action.as_str() {
        "pull" => hub.pull(id, "main", &mut Silent)?,
        _ => hub.find(id, "main")?.ok_or("not in the cache")?,
    };
    println!("{}", folder.display());
    Ok(())
}
