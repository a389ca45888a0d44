//! Label sets where requests have labels.

use serde_json::{Value, json};

use super::{classify, id, make, of, uri};
use crate::files::shelf::Shelf;

const PICTURE: &str = "rgb_61x37.png";

#[test]
fn a_set_of_plain_labels_classifies_as_the_labels_do() {
    let server = Shelf::new().serve(&[]);
    let labels = json!(["cat", { "name": "dog", "prompts": ["a dog", "a puppy"] }, "cow"]);
    for (mode, multi_label) in [("exclusive", false), ("multi", true)] {
        let set = make(&server, &json!({ "name": "x", "labels": labels, "mode": mode }));
        let with_set = classify(&server, id(&set), PICTURE);
        let body = json!({ "input": [uri(PICTURE)], "labels": labels, "multi_label": multi_label });
        let plain = server.post("/v1/classify", &body).with_status(200).json();
        assert_eq!(with_set["label_set"], format!("{}@1", id(&set)));
        assert_eq!(with_set["score_mode"], plain["score_mode"]);
        let without_group = |reply: &Value| {
            let mut predictions = reply["data"][0]["predictions"].clone();
            for prediction in predictions.as_array_mut().unwrap() {
                prediction.as_object_mut().unwrap().remove("group");
            }
            predictions
        };
        assert_eq!(without_group(&with_set), without_group(&plain), "to the last digit");
        assert_eq!(with_set["usage"]["labels"], 3);
        let again = classify(&server, id(&set), PICTURE);
        assert_eq!(again["usage"]["cached_labels"], 3);
        assert_eq!(again["data"], with_set["data"]);
    }
}

#[test]
fn groups_are_judged_apart_and_languages_count_the_same() {
    let server = Shelf::new().serve(&[]);
    let set = make(
        &server,
        &json!({ "name": "x", "groups": [
            { "name": "animal", "labels": ["cat", "dog"] },
            { "name": "never", "labels": [{ "name": "yeti", "threshold": 1 }, { "name": "unicorn", "threshold": 1 }] },
            { "name": "colours", "mode": "multi", "labels": [
                { "name": "red", "threshold": 0 },
                { "name": "blue", "threshold": 1, "prompts": { "en": ["a", "b"], "de": ["c"], "fr": [] } },
            ]},
        ]}),
    );
    let reply = classify(&server, id(&set), PICTURE);
    assert_eq!(reply["score_mode"], "by_group");
    let selected = |label: &str| of(&reply, label)["selected"].as_bool().unwrap();
    assert!(selected("cat") != selected("dog"), "{reply}");
    assert!(!selected("yeti") && !selected("unicorn") && selected("red") && !selected("blue"));
    let number = |label: &str, what: &str| of(&reply, label)[what].as_f64().unwrap();
    for pair in [["cat", "dog"], ["yeti", "unicorn"], ["red", "blue"]] {
        let sum = number(pair[0], "relative") + number(pair[1], "relative");
        assert!((sum - 1.0).abs() < 1e-6, "{reply}");
    }
    assert_eq!(of(&reply, "cat")["score"], of(&reply, "cat")["relative"]);
    assert_eq!(of(&reply, "red")["score"], of(&reply, "red")["probability"]);
    assert_eq!(
        (&of(&reply, "red")["group"], &of(&reply, "cat")["group"]),
        (&json!("colours"), &json!("animal"))
    );
    // English has two sentences and German one, and neither outweighs the other.
    let cosine = |body: Value| {
        let set = make(&server, &body);
        of(&classify(&server, id(&set), PICTURE), "blue")["cosine"].as_f64().unwrap()
    };
    let of_prompts = |prompts: Value| {
        cosine(json!({ "name": "x", "labels": [{ "name": "blue", "prompts": prompts }] }))
    };
    let swapped = of_prompts(json!({ "xx": ["c"], "yy": ["a", "b"] }));
    assert!((number("blue", "cosine") - swapped).abs() < 1e-6);
    assert!((swapped - of_prompts(json!(["a", "b", "c"]))).abs() > 1e-6);
}

#[test]
fn a_set_and_what_it_says_exclude_each_other() {
    let server = Shelf::new().serve(&[]);
    let set = make(&server, &json!({ "name": "x", "labels": ["cat"] }));
    for (name, value) in
        [("labels", json!(["dog"])), ("templates", json!("de")), ("multi_label", json!(true))]
    {
        let mut body = json!({ "input": "a", "label_set": id(&set) });
        body[name] = value;
        let answer = server.post("/v1/classify", &body).with_status(400);
        assert_eq!(answer.code(), "label_set_and_labels", "{name}");
        assert_eq!(answer.json()["error"]["param"], name);
    }
    let body = json!({ "input": "a", "label_set": 3 });
    assert_eq!(server.post("/v1/classify", &body).with_status(400).code(), "invalid_value");
}

fn ask(server: &crate::serve::server::Server, more: &Value) -> crate::serve::client::Answer {
    let mut body = json!({ "messages": [{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": uri(PICTURE) } },
    ]}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.post("/v1/chat/completions", &body)
}

#[test]
fn a_chat_answers_a_sets_groups_or_the_labels_of_its_schema() {
    let server = Shelf::new().serve(&[]);
    let set = make(
        &server,
        &json!({ "name": "x", "groups": [
            { "name": "animal", "labels": ["cat", "dog"] },
            { "name": "never", "labels": [{ "name": "yeti", "threshold": 1 }] },
            { "name": "colours", "mode": "multi", "labels": [{ "name": "red", "threshold": 0 }, { "name": "blue", "threshold": 1 }] },
        ]}),
    );
    let metadata = json!({ "label_set": id(&set), "customer": "7" });
    let seen = classify(&server, id(&set), PICTURE);
    let best = if of(&seen, "cat")["selected"] == true { "cat" } else { "dog" };
    let reply = ask(&server, &json!({ "metadata": metadata })).with_status(200).json();
    let content = reply["choices"][0]["message"]["content"].as_str().unwrap();
    let content = serde_json::from_str::<Value>(content).unwrap();
    assert_eq!(content, json!({ "animal": best, "never": null, "colours": ["red"] }));
    assert_eq!(reply["usage"]["labels"], 5);
    let choices = json!({ "metadata": metadata, "guided_choice": ["yeti", "red"], "logprobs": true, "top_logprobs": 2 });
    let reply = ask(&server, &choices).with_status(200).json();
    let winner = reply["choices"][0]["message"]["content"].as_str().unwrap();
    let logit = |label: &str| of(&seen, label)["logit"].as_f64().unwrap();
    assert_eq!(winner, if logit("yeti") > logit("red") { "yeti" } else { "red" });
    let top = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"].as_array().unwrap();
    let sum = top.iter().map(|entry| entry["logprob"].as_f64().unwrap().exp()).sum::<f64>();
    assert!((sum - 1.0).abs() < 1e-6, "over the labels that were asked for: {reply}");
    let unknown = json!({ "metadata": metadata, "guided_choice": ["cat", "lion"] });
    assert_eq!(ask(&server, &unknown).with_status(400).code(), "unknown_label");
    let templates = json!({ "metadata": metadata, "templates": ["a {}"] });
    ask(&server, &templates).with_status(400);
    let absent = ask(&server, &json!({ "metadata": { "label_set": "ls_0" } })).with_status(404);
    assert_eq!(absent.json()["error"]["param"], "metadata.label_set");
    // Other metadata means nothing, as before.
    let plain = json!({ "metadata": { "customer": "7" }, "guided_choice": ["cat"] });
    ask(&server, &plain).with_status(200);
}

#[test]
fn a_policy_has_its_labels_beside_openais_thirteen() {
    let server = Shelf::new().serve(&[]);
    let set = make(
        &server,
        &json!({ "name": "x", "groups": [
            { "name": "logos", "mode": "multi", "labels": [{ "name": "logo", "threshold": 0 }, { "name": "violence", "threshold": 1 }] },
            { "name": "kind", "labels": ["harmless"] },
        ]}),
    );
    let moderate = |more: Value| {
        let mut body =
            json!({ "input": [{ "type": "image_url", "image_url": { "url": uri(PICTURE) } }] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server.post("/v1/moderations", &body)
    };
    let reply = moderate(json!({ "label_set": id(&set) })).with_status(200).json();
    let result = &reply["results"][0];
    assert_eq!(result["categories"].as_object().unwrap().len(), 15);
    let seen = classify(&server, id(&set), PICTURE);
    for label in ["logo", "violence", "harmless"] {
        assert_eq!(result["category_scores"][label], of(&seen, label)["probability"], "{label}");
    }
    assert_eq!((&result["categories"]["logo"], &result["flagged"]), (&json!(true), &json!(true)));
    assert_eq!(result["categories"]["violence"], false);
    assert_eq!(result["categories"]["harmless"], false, "it wins, and has no threshold");
    let plain = moderate(json!({})).with_status(200).json();
    assert_eq!(plain["results"][0]["categories"].as_object().unwrap().len(), 13);
    moderate(json!({ "label_set": "ls_0" })).with_status(404);
}
