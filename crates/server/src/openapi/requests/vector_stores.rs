//! Vector stores.

use serde_json::{Value, json};

use super::{
    Facts, Named, described, flag, forms, fraction, object, optional, passed_over, properties,
    reference, templates, user, whole, word,
};
use crate::vector_stores::attributes_schema;

pub(super) fn schemas(facts: &Facts) -> Vec<Named> {
    vec![
        Named("VectorStoreRequest", request()),
        Named("VectorStoreChange", change()),
        Named("VectorStoreFileRequest", file()),
        Named("VectorStoreFileChange", file_change()),
        Named("VectorStoreBatchRequest", batch()),
        Named("VectorStoreFilter", filter()),
        Named("VectorStoreSearch", search()),
        Named("VectorStoreClassify", classify(facts)),
        Named("VectorStoreDuplicates", duplicates()),
        Named("VectorStoreReindex", reindex()),
    ]
}

/// Without the character 0, which no database keeps.
const TEXT: &str = r"^[^\u0000]*$";

fn name() -> Value {
    json!({ "type": ["string", "null"], "maxLength": 256, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$" })
}

fn metadata() -> Value {
    let value = json!({ "type": "string", "maxLength": 512, "pattern": TEXT });
    described("Texts by name.", attributes_schema(&value))
}

fn attributes() -> Value {
    let text = json!({ "type": "string", "maxLength": 512, "pattern": TEXT });
    let value = json!({ "anyOf": [text, { "type": "number" }, { "type": "boolean" }] });
    described("Texts, numbers and flags by name, for filters.", attributes_schema(&value))
}

fn expires_after() -> Value {
    let days = json!({ "type": "integer", "minimum": 1, "maximum": 365 });
    let fields = json!({ "anchor": { "const": "last_active_at" }, "days": days });
    let after = object(&["anchor", "days"], properties(fields));
    described("Days after which a store that nobody uses is emptied.", optional(after))
}

fn chunking() -> Value {
    let kind = word(&["auto", "static", "other"]);
    let strategy = object(&[], properties(json!({ "type": kind })));
    described("Taken and passed over: a file is one vector.", optional(strategy))
}

fn request() -> Value {
    let ids = json!({ "type": "array", "maxItems": 2000, "items": { "type": "string" } });
    let fields = json!({
        "name": name(),
        "description": passed_over("For people."),
        "metadata": metadata(),
        "expires_after": expires_after(),
        "file_ids": described("Files that it has from the start.", optional(ids)),
        "chunking_strategy": chunking(),
        "model": described("What its vectors are computed by; the first model when absent.", reference("Model")),
    });
    object(&[], properties(fields))
}

fn change() -> Value {
    let fields = json!({
        "name": name(), "description": passed_over("For people."), "metadata": metadata(),
        "expires_after": expires_after(),
    });
    object(&[], properties(fields))
}

fn file() -> Value {
    let fields = json!({
        "file_id": described("One of the caller's files.", json!({ "type": "string", "minLength": 1 })),
        "attributes": attributes(),
        "chunking_strategy": chunking(),
    });
    object(&["file_id"], properties(fields))
}

fn file_change() -> Value {
    object(&["attributes"], properties(json!({ "attributes": attributes() })))
}

fn batch() -> Value {
    let list =
        |items: Value| json!({ "type": "array", "minItems": 1, "maxItems": 2000, "items": items });
    let none = json!({ "type": "null" });
    let same = json!({
        "file_ids": list(json!({ "type": "string" })), "files": none,
        "attributes": attributes(), "chunking_strategy": chunking(),
    });
    let own = json!({
        "files": list(reference("VectorStoreFileRequest")), "file_ids": none,
        "attributes": attributes(), "chunking_strategy": chunking(),
    });
    json!({ "anyOf": [
        object(&["file_ids"], properties(same)),
        object(&["files"], properties(own)),
    ]})
}

fn filter() -> Value {
    let one = json!({ "type": ["string", "number", "boolean"] });
    let key = json!({ "type": "string", "minLength": 1 });
    let comparison = object(
        &["type", "key", "value"],
        properties(
            json!({ "type": { "enum": ["eq", "ne", "gt", "gte", "lt", "lte"] }, "key": key, "value": one }),
        ),
    );
    let membership = object(
        &["type", "key", "value"],
        properties(
            json!({ "type": { "enum": ["in", "nin"] }, "key": key, "value": { "type": "array", "items": one } }),
        ),
    );
    let inner = json!({ "type": "array", "items": { "anyOf": [comparison, membership] } });
    let compound = object(
        &["type", "filters"],
        properties(
            json!({ "type": { "enum": ["and", "or"] }, "filters": described("Comparisons, or such combinations again, 12 deep at most.", inner) }),
        ),
    );
    json!({
        "description": "A comparison of an attribute, or a combination; 256 in all at most.",
        "anyOf": [comparison, membership, compound],
    })
}

fn search() -> Value {
    let text = json!({ "type": "string" });
    let weight = json!({ "type": ["number", "null"], "minimum": -100, "maximum": 100 });
    let weight = described("1 when absent; negative for what is not wanted.", weight);
    let weighted_text = object(&["text"], properties(json!({ "text": text, "weight": weight })));
    let image = reference("ImageSource");
    let weighted_image =
        object(&["image"], properties(json!({ "image": image, "weight": weight })));
    let weighted = json!({ "type": "array", "minItems": 1, "maxItems": 64, "items": { "anyOf": [weighted_text, weighted_image] } });
    let query = json!({ "anyOf": [
        described("A text, the data URI of a picture, or the id of a picture's file.", text.clone()),
        { "type": "array", "minItems": 1, "maxItems": 64, "items": text, "description": "Several of them; a file counts by the one that it fits best." },
        described("A mixture of texts and pictures with weights.", weighted),
    ]});
    let ranking = object(
        &[],
        properties(json!({
            "ranker": word(&["none", "auto", "default-2024-11-15"]),
            "score_threshold": described("The least score of a result.", fraction()),
        })),
    );
    let fields = json!({
        "query": query,
        "filters": optional(reference("VectorStoreFilter")),
        "max_num_results": described("10 when absent.", whole(1, Some(50))),
        "ranking_options": optional(ranking),
        "cutoff": described("The least score, as a part of the best one.", fraction()),
        "kind": described("Pictures or texts alone.", word(&["image", "text"])),
        "page": described("`next_page` of the search before.", json!({ "type": ["string", "null"], "pattern": "^([0-9]{1,4})?$" })),
        "model": described("The store's; another one is refused.", reference("Model")),
        "rewrite_query": passed_over("Queries are taken as they are."),
        "user": user(),
    });
    object(&["query"], properties(fields))
}

fn classify(facts: &Facts) -> Value {
    let labels = json!({
        "type": "array", "minItems": 1, "maxItems": facts.limits.labels, "items": reference("Label"),
    });
    let nothing = || json!({ "type": "null" });
    let own = json!({
        "labels": labels, "templates": templates(), "label_set": { "enum": ["", null] },
        "multi_label": described("Each label on its own; `score` is then its probability.", flag()),
    });
    let of_set = json!({
        "label_set": described("`ls_x`, `ls_x@3` or `ls_x@production`, in place of labels.", json!({ "type": "string", "minLength": 1 })),
        "labels": nothing(), "templates": nothing(), "multi_label": nothing(),
    });
    let shared = json!({
        "threshold": described("From which score a label is selected.", fraction()),
        "top_k": described("How many labels are shown, best first; 1 when absent.", whole(1, Some(100))),
        "filters": optional(reference("VectorStoreFilter")),
        "limit": described("Pictures of a page; 100 when absent.", whole(1, Some(1000))),
        "page": described("`next_page` of the reply before.", json!({ "type": ["string", "null"] })),
        "model": described("The store's; another one is refused.", reference("Model")),
        "user": user(),
    });
    let ways = vec![(vec!["labels"], own), (vec!["label_set"], of_set)];
    forms("What the pictures of a store may show.", ways, &shared)
}

fn duplicates() -> Value {
    let fields = json!({
        "threshold": described("From which cosine two pictures are doubles; 0.95 when absent.", fraction()),
        "filters": optional(reference("VectorStoreFilter")),
        "limit": described("How many groups; 100 when absent.", whole(1, Some(10_000))),
    });
    object(&[], properties(fields))
}

fn reindex() -> Value {
    object(
        &["model"],
        properties(
            json!({ "model": described("To which it is moved.", json!({ "type": "string", "minLength": 1 })) }),
        ),
    )
}
