//! What a doctor says of a label set.

use serde_json::{Value, json};

use super::{id, make, uri};
use crate::files::shelf::Shelf;

#[test]
fn the_doctor_finds_doubles_cuts_confusions_and_what_says_nothing() {
    let server = Shelf::new().serve(&[]);
    let long = "a dog that runs ".repeat(40);
    let set = make(
        &server,
        &json!({ "name": "x", "groups": [
            { "name": "animal", "labels": [
                { "name": "cat", "prompts": ["a cat"] },
                { "name": "kitten", "prompts": ["a cat"] },
                { "name": "dog", "prompts": { "en": [long, " "], "de": [] } },
                { "name": "cow", "prompts": ["a photo of a cow in a green field", "a cat"] },
            ]},
            { "name": "kind", "labels": ["photo"] },
            { "name": "shown", "labels": [
                { "name": "this", "examples": [uri("rgb_61x37.png")] },
                { "name": "that", "examples": [uri("rgb_61x37.png")] },
            ]},
        ]}),
    );
    let path = format!("/v1/label_sets/{}/doctor", id(&set));
    let report = server.get(&path).with_status(200).json();
    assert_eq!((&report["object"], &report["version"]), (&json!("label_set.doctor"), &json!(1)));
    let problems = report["problems"].as_array().unwrap();
    let of_kind = |kind: &str| {
        problems.iter().filter(|problem| problem["kind"] == kind).cloned().collect::<Vec<_>>()
    };
    let double = &of_kind("near_duplicates")[0];
    assert_eq!(
        (&double["labels"], &double["group"]),
        (&json!(["cat", "kitten"]), &json!("animal"))
    );
    assert!(double["cosine"].as_f64().unwrap() > 0.999);
    let [cut] = of_kind("truncated").try_into().unwrap();
    assert_eq!((&cut["label"], &cut["language"]), (&json!("dog"), &json!("en")));
    let (tokens, limit) = (cut["tokens"].as_u64().unwrap(), cut["limit"].as_u64().unwrap());
    assert!(tokens > limit, "{cut}");
    let at = cut["cut_at"].as_u64().unwrap() as usize;
    let read = cut["reads_until"].as_str().unwrap();
    assert!(at > 0 && at < long.len() && long[..at].ends_with(read) && !read.is_empty(), "{cut}");
    let confused = of_kind("confusable");
    // "a cat" belongs to three labels, of which two are nothing else.
    let pair = |labels: Value| confused.iter().any(|problem| problem["labels"] == labels);
    assert!(pair(json!(["cat", "cow"])) || pair(json!(["kitten", "cow"])), "{report}");
    let evidence = confused.iter().flat_map(|problem| problem["evidence"].as_array().unwrap());
    let evidence = evidence.cloned().collect::<Vec<_>>();
    assert!(evidence.iter().any(|found| found["on"] == "a cat" && found["of"] == "cow"));
    assert!(evidence.iter().all(|found| found["by"].as_f64().unwrap() > 0.0), "{report}");
    let [alone] = of_kind("alone").try_into().unwrap();
    assert_eq!(alone["label"], "photo");
    let empty = of_kind("empty");
    assert_eq!(empty.iter().filter(|problem| problem["label"] == "dog").count(), 2, "{report}");
    let total =
        report["counts"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
    assert_eq!(total as usize, problems.len());
    // One may ask for more or less of it, and of another model.
    let strict = server.get(&format!("{path}?cosine=1&model=tiny")).with_status(200).json();
    assert_eq!(strict["cosine"], 1.0);
    server.get(&format!("{path}?cosine=2")).with_status(400);
    assert_eq!(
        server.get(&format!("{path}?model=large")).with_status(404).code(),
        "model_not_found"
    );
    assert_eq!(
        server.get("/v1/label_sets/ls_0/doctor").with_status(404).code(),
        "label_set_not_found"
    );
}

#[test]
fn a_set_without_fault_is_told_so() {
    let server = Shelf::new().serve(&[]);
    let body = json!({ "name": "x", "labels": [{ "name": "only", "threshold": 0.2 }] });
    let set = make(&server, &body);
    let report =
        server.get(&format!("/v1/label_sets/{}@1/doctor", id(&set))).with_status(200).json();
    assert_eq!((&report["problems"], &report["counts"]), (&json!([]), &json!({})));
}
