//! Short texts beside large batches of pictures: does anything wait too long?

use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::load::{costed, on_threads, one_after_another};
use crate::tally::{Record, Window, summary};
use crate::target::Target;

/// One client sends texts by itself, then beside `--clients` clients that send pictures.
pub(crate) fn run(target: &Target, arguments: &Arguments) -> anyhow::Result<Value> {
    costed(arguments, || {
        let texts = |window: &Window| one_after_another(window.end, |slot| target.send_text(slot));
        let window = Window::after(arguments.warm_up, arguments.seconds / 2.0);
        let alone = texts(&window);
        let alone = of_texts(&alone, &window);
        let window = Window::after(arguments.warm_up, arguments.seconds);
        let (sent, received) = std::sync::mpsc::channel();
        let pictures = on_threads(arguments.clients.get() + 1, |number| {
            if number > 0 {
                return one_after_another(window.end, |slot| target.send_pictures(slot));
            }
            sent.send(texts(&window)).expect("somebody receives");
            Vec::new()
        })?;
        let beside = received.recv()?;
        Ok(json!({
            "texts_alone": alone,
            "texts": of_texts(&beside, &window),
            "pictures": summary(&pictures, &window, target.batch()),
        }))
    })
}

fn of_texts(records: &[Record], window: &Window) -> Value {
    let found = summary(records, window, 1);
    json!({
        "outcomes": found["outcomes"],
        "good_per_second": found["good_pictures_per_second"],
        "latency_ms": found["latency_ms"],
    })
}
