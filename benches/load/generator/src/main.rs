//! Loads an HTTP server that embeds pictures and says what came back, how fast, and what it cost.
//!
//!     load-generator --address 127.0.0.1:8080 --dialect polysight-embeddings --model ID --clients 32 --json
//!
//! It shares the machine with the server that it measures, so it does as little as it can while the clock runs: bodies
//! are made beforehand, sent by blocking threads straight from shared memory, and answers are only scanned.

#![forbid(unsafe_code)]

mod arguments;
mod connection;
mod drops;
mod load;
mod mixed;
mod pictures;
mod process;
mod random;
mod response;
mod tally;
mod target;
mod template;

use clap::Parser;
use serde_json::{Value, json};

use crate::arguments::{Arguments, Mode};
use crate::target::Target;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let target = Target::prepare(&arguments)?;
    let found = match (arguments.mode, arguments.rate) {
        (Mode::Load, None) => load::closed(&target, &arguments)?,
        (Mode::Load, Some(rate)) => load::open(&target, &arguments, rate)?,
        (Mode::Drop, _) => drops::run(&target, &arguments)?,
        (Mode::Mixed, _) => mixed::run(&target, &arguments)?,
    };
    let mut about = json!({
        "dialect": arguments.dialect.name(),
        "model": arguments.model,
        "clients": arguments.clients,
        "batch": arguments.batch,
        "seed": arguments.seed,
        "pictures": target.pictures.len(),
        "picture_bytes": target.mean_picture_bytes(),
        "body_bytes": target.body_bytes(),
    });
    merge(&mut about, found);
    if arguments.json {
        println!("{about}");
    } else {
        println!("{about:#}");
    }
    Ok(())
}

/// Adds the fields of `more` to those of `object`.
fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
