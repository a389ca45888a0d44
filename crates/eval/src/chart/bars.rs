//! Accuracy and recall as bars.

use super::Chart;
use super::drawing::{Anchor, Area, Drawing, at, shortened};
use crate::report::{Recall, Report};

const LABEL: f64 = 132.0;
const WHOLE: f64 = 420.0;
const STEP: f64 = 20.0;
const THICK: f64 = 14.0;
const LABEL_SIZE: f64 = 13.0;

/// Bars that belong to one label.
struct Group {
    label: String,
    bars: Vec<Bar>,
}

struct Bar {
    class: &'static str,
    share: f64,
    what: String,
}

/// What a colour stands for.
struct Meaning {
    class: &'static str,
    text: &'static str,
}

/// Accuracy of each language, or at 1 and 5 of the only one.
pub(super) fn accuracy(report: &Report) -> Option<Chart> {
    let of = |share: f64, what: &str, class| Bar { class, share, what: what.to_owned() };
    let mut groups = Vec::new();
    for one in &report.classification {
        groups.push(Group {
            label: named(one.language.as_deref()),
            bars: vec![
                of(one.accuracy_at_1, "acc@1", "accent"),
                of(one.accuracy_at_5, "acc@5", "other"),
            ],
        });
    }
    if groups.is_empty() {
        return None;
    }
    sort(&mut groups);
    let title = format!("Zero-shot accuracy on {}, {}", report.data_set.name, report.model.name);
    let meanings =
        [Meaning { class: "accent", text: "acc@1" }, Meaning { class: "other", text: "acc@5" }];
    Some(draw("accuracy.svg", title, &groups, &meanings))
}

/// Recall of each language at 1, or at 1, 5 and 10 of the only one.
pub(super) fn retrieval(report: &Report) -> Option<Chart> {
    let retrieval = report.retrieval.as_ref()?;
    let pair = |label: String, at: &str, images: f64, texts: f64| Group {
        label,
        bars: vec![
            Bar { class: "accent", share: images, what: format!("text to image {at}") },
            Bar { class: "second", share: texts, what: format!("image to text {at}") },
        ],
    };
    let mut title = format!("Retrieval on {}, {}", report.data_set.name, report.model.name);
    let groups = if let [only] = retrieval.languages.as_slice() {
        let (images, texts) = (only.text_to_image, only.image_to_text);
        [
            ("R@1", Recall::first as fn(&Recall) -> f64),
            ("R@5", Recall::fifth),
            ("R@10", Recall::tenth),
        ]
        .into_iter()
        .map(|(at, of)| pair(at.to_owned(), at, of(&images), of(&texts)))
        .collect()
    } else {
        title += ", R@1";
        let mut groups = retrieval
            .languages
            .iter()
            .map(|one| {
                let label = named(one.language.as_deref());
                pair(label, "R@1", one.text_to_image.at_1, one.image_to_text.at_1)
            })
            .collect::<Vec<_>>();
        sort(&mut groups);
        let (images, texts) =
            (retrieval.mean_text_to_image.at_1, retrieval.mean_image_to_text.at_1);
        groups.insert(0, pair("mean".to_owned(), "R@1", images, texts));
        groups
    };
    let meanings = [
        Meaning { class: "accent", text: "text to image" },
        Meaning { class: "second", text: "image to text" },
    ];
    Some(draw("retrieval.svg", title, &groups, &meanings))
}

impl Recall {
    fn first(&self) -> f64 {
        self.at_1
    }

    fn fifth(&self) -> f64 {
        self.at_5
    }

    fn tenth(&self) -> f64 {
        self.at_10
    }
}

fn named(language: Option<&str>) -> String {
    language.unwrap_or("all").to_owned()
}

/// The best first.
fn sort(groups: &mut [Group]) {
    let share = |group: &Group| group.bars.first().map_or(0.0, |bar| bar.share);
    groups.sort_by(|a, b| share(b).total_cmp(&share(a)));
}

fn draw(file: &str, title: String, groups: &[Group], meanings: &[Meaning]) -> Chart {
    let mut drawing = Drawing::new(&title);
    drawing.text("title", at(16.0, 28.0), Anchor::Start, &title);
    let mut x = 16.0;
    for meaning in meanings {
        let sample = Area { x, y: 42.0, width: 12.0, height: 12.0 };
        drawing.bar(meaning.class, sample, meaning.text);
        drawing.text("quiet", at(x + 18.0, 53.0), Anchor::Start, meaning.text);
        x += 130.0;
    }
    let mut y = 72.0;
    for group in groups {
        let middle = y + STEP * group.bars.len() as f64 / 2.0;
        let label = shortened(&group.label, LABEL_SIZE, LABEL - 24.0);
        drawing.text("bold", at(LABEL - 8.0, middle + 4.0), Anchor::End, &label);
        for bar in &group.bars {
            let tip = format!("{}, {}: {:.1} %", group.label, bar.what, 100.0 * bar.share);
            let width = WHOLE * bar.share;
            drawing.bar(bar.class, Area { x: LABEL, y: y + 3.0, width, height: THICK }, &tip);
            let place = at(LABEL + width + 6.0, y + 14.5);
            drawing.text("quiet", place, Anchor::Start, &format!("{:.1}", 100.0 * bar.share));
            y += STEP;
        }
        y += 8.0;
    }
    drawing.line("line", at(LABEL, 68.0), at(LABEL, y - 4.0));
    Chart { file: file.to_owned(), svg: drawing.finish(LABEL + WHOLE + 64.0, y + 8.0), title }
}
