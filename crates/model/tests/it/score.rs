use model::{Embeddings, Scoring, cosine, sigmoid, softmax};

#[test]
fn a_score_is_a_scaled_cosine_with_a_bias_through_a_sigmoid() {
    let scoring = Scoring::new(100.0_f32.ln(), -10.0);
    let rows = Embeddings::normalise(2, vec![3.0, 4.0, 4.0, 3.0]);
    let score = scoring.score(rows.row(0), rows.row(1));
    assert!((score.cosine - 0.96).abs() < 1e-6);
    assert!((score.logit - 86.0).abs() < 1e-4);
    assert!(score.probability > 0.999_999);
    let score = scoring.score(&[1.0, 0.0], &[0.1, 0.0]);
    assert!((score.logit - 0.0).abs() < 1e-5 && (score.probability - 0.5).abs() < 1e-5);
}

#[test]
fn extreme_logits_stay_finite() {
    assert_eq!(sigmoid(1e30), 1.0);
    assert_eq!(sigmoid(-1e30), 0.0);
    assert_eq!(softmax(&[1e30, -1e30]), [1.0, 0.0]);
    assert!((softmax(&[-5000.0, -5000.0])[0] - 0.5).abs() < 1e-7);
    assert!(softmax(&[]).is_empty());
}

#[test]
fn a_row_of_zeros_stays_and_others_get_length_one() {
    let rows = Embeddings::normalise(3, vec![0.0, 0.0, 0.0, 1e-20, 0.0, 0.0, 1e18, 1e18, 1e18]);
    assert_eq!(rows.row(0), [0.0; 3]);
    assert_eq!(rows.row(1), [1.0, 0.0, 0.0]);
    assert!((cosine(rows.row(2), rows.row(2)) - 1.0).abs() < 1e-6);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows.rows().len(), 3);
}

#[test]
fn the_cosine_takes_every_element_of_any_length() {
    for length in [1, 15, 16, 17, 48, 767, 768] {
        let a = (0..length).map(|i| (i % 7) as f32 - 3.0).collect::<Vec<_>>();
        let b = (0..length).map(|i| (i % 5) as f32 - 2.0).collect::<Vec<_>>();
        let expected = a.iter().zip(&b).map(|(a, b)| a * b).sum::<f32>();
        assert_eq!(cosine(&a, &b), expected, "small integers add up exactly");
    }
}
