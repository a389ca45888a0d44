use model::{Embeddings, Label, LabelVectors, Template, cosine, templates};

use crate::folder::end_to_end;
use crate::goldens::open;

fn embed(model: &model::Siglip, texts: &[&str]) -> Embeddings {
    let encodings = texts
        .iter()
        .map(|text| model.tokenize(text).expect("a text is encoded"))
        .collect::<Vec<_>>();
    model.embed_texts(&encodings).expect("texts are embedded")
}

#[test]
fn a_labels_vector_is_the_normalised_mean_of_its_normalised_prompts() {
    let folder = end_to_end();
    let model = open(&folder);
    let templates = templates::choose(&["a photo of {}", "{c} in snow"]).expect("two templates");
    let labels = [Label::from("cat"), Label::from("red bicycle")];
    let vectors = LabelVectors::embed(&model, &labels, &templates, |_| ()).expect("labels");
    assert_eq!(vectors.names(), ["cat", "red bicycle"]);
    let prompts = embed(
        &model,
        &["a photo of cat", "cat in snow", "a photo of red bicycle", "red bicycle in snow"],
    );
    for label in 0..2 {
        let (a, b) = (prompts.row(2 * label), prompts.row(2 * label + 1));
        let mean = a.iter().zip(b).map(|(a, b)| (a + b) / 2.0).collect::<Vec<_>>();
        let expected = Embeddings::normalise(mean.len(), mean);
        assert!(cosine(expected.row(0), vectors.vectors().row(label)) > 1.0 - 1e-6);
    }
}

#[test]
fn prompts_of_a_label_replace_the_templates() {
    let folder = end_to_end();
    let model = open(&folder);
    let label = Label { name: "felix".to_owned(), prompts: vec!["a black cat".to_owned()] };
    let template = Template::new("a photo of {}").expect("a template");
    let vectors = LabelVectors::embed(&model, &[label], &[template], |_| ()).expect("a label");
    assert!(cosine(embed(&model, &["a black cat"]).row(0), vectors.vectors().row(0)) > 1.0 - 1e-6);
}

#[test]
fn scores_come_in_the_labels_order_and_relative_ones_add_up_to_one() {
    let folder = end_to_end();
    let model = open(&folder);
    let names = (0..150).map(|i| Label::from(format!("label {i}").as_str())).collect::<Vec<_>>();
    let template = Template::new("{}").expect("a template");
    let mut heard = Vec::new();
    let vectors = LabelVectors::embed(&model, &names, &[template], |progress| {
        heard.push(progress.done);
    })
    .expect("labels");
    assert_eq!(heard, [64, 128, 150]);
    let scores = vectors.score(vectors.vectors().row(7));
    assert!(scores.iter().enumerate().all(|(i, score)| score.label == i));
    assert!((scores[7].score.cosine - 1.0).abs() < 1e-6);
    assert!((scores.iter().map(|score| score.relative).sum::<f32>() - 1.0).abs() < 1e-5);
    let best = scores.iter().max_by(|a, b| a.relative.total_cmp(&b.relative)).expect("some");
    assert_eq!(best.label, 7);
}

#[test]
fn a_prompt_that_is_too_long_is_reported_and_counts_with_all_its_tokens() {
    let folder = end_to_end();
    let model = open(&folder);
    let long = "red bicycle ".repeat(60);
    let labels = [Label::from("cat"), Label::from(long.trim())];
    let template = Template::new("{}").expect("a template");
    let vectors = LabelVectors::embed(&model, &labels, &[template], |_| ()).expect("labels");
    assert_eq!(vectors.truncated(), [long.trim()]);
    assert!(vectors.tokens() > 120);
}
