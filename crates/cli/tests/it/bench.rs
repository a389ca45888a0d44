//! The shape of the report; speed itself is never judged here.

use crate::tiny::Tiny;

#[test]
fn only_the_rows_asked_for_are_measured_and_their_rates_are_positive() {
    let tiny = Tiny::new();
    let run = tiny.run(["bench", "--json", "--kind", "picture", "--kind", "text", "--batch", "2"]);
    let run = run.argument("--threads").argument("1");
    let report = run.finish().quiet_success().json();
    for format in ["f32", "bf16", "int8"] {
        assert!(report["peak"][format].as_f64().expect("a peak") > 0.0);
    }
    let rows = report["rows"].as_array().expect("rows");
    let expected = [("picture", "pictures_per_second"), ("text", "texts_per_second")];
    assert_eq!(rows.len(), expected.len());
    for (row, (kind, rate)) in rows.iter().zip(expected) {
        assert_eq!((&row["kind"], &row["precision"]), (&kind.into(), &"f32".into()));
        assert_eq!((&row["batch"], &row["threads"]), (&2.into(), &1.into()));
        assert!(row[rate].as_f64().expect("a rate") > 0.0);
        assert_eq!(
            row.as_object().expect("a row").contains_key("texts_per_second"),
            kind == "text"
        );
    }
}

#[test]
fn files_are_decoded_alone_and_on_the_way_through_the_tower() {
    let tiny = Tiny::new();
    let run = tiny.run(["bench", "--kind", "decode", "--kind", "pipeline", "--batch", "3"]);
    let report = run.argument("--json").finish().quiet_success().json();
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!((&rows[0]["kind"], &rows[1]["kind"]), (&"decode".into(), &"pipeline".into()));
    assert!(rows[0]["gflops"].is_null() && rows[1]["gflops"].as_f64().expect("work") > 0.0);
}

#[test]
fn an_unknown_kind_and_an_empty_batch_are_usage_errors() {
    let tiny = Tiny::new();
    tiny.run(["bench", "--kind", "video"]).finish().usage_error("picture");
    tiny.run(["bench", "--batch", "0"]).finish().usage_error("--batch");
}
