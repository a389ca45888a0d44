//! Counting right and wrong answers.

use std::collections::BTreeMap;

use crate::rank::{first, rank_of_best};
use crate::report::{ClassResult, Classification, Confusion};

/// The most classes of which a report has the whole matrix.
const MOST_IN_MATRIX: usize = 100;

/// The mistakes that a report has.
const MOST_CONFUSIONS: usize = 20;

/// Counts answers, one class a picture.
pub struct ClassificationTally {
    at_1: usize,
    at_5: usize,
    classes: Vec<Class>,
    answers: BTreeMap<Answer, u32>,
}

#[derive(Clone, Copy, Default)]
struct Class {
    pictures: usize,
    right: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Answer {
    truth: usize,
    answer: usize,
}

impl ClassificationTally {
    /// Nothing counted yet, of so many classes.
    pub fn new(classes: usize) -> Self {
        Self {
            at_1: 0,
            at_5: 0,
            classes: vec![Class::default(); classes],
            answers: BTreeMap::new(),
        }
    }

    /// Counts a picture of the class `truth` by its scores of all classes.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn add(&mut self, truth: usize, scores: &[f32]) {
        let class = &mut self.classes[truth];
        class.pictures += 1;
        let ranked = rank_of_best(scores, &[truth]).expect("a class is given");
        class.right += usize::from(ranked.rank == 0);
        self.at_1 += usize::from(ranked.rank == 0);
        self.at_5 += usize::from(ranked.rank < 5);
        let answer = first(scores).expect("the class has a score");
        *self.answers.entry(Answer { truth, answer }).or_default() += 1;
    }

    /// Counts a picture of the class `truth` that has no embedding: it is wrong.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn add_failed(&mut self, truth: usize) {
        self.classes[truth].pictures += 1;
    }

    /// What was counted, with the classes' names.
    pub fn finish(&self, names: &[String]) -> Classification {
        let pictures = self.classes.iter().map(|class| class.pictures).sum::<usize>();
        let share = |count: usize| count as f64 / pictures.max(1) as f64;
        let recall = |class: &Class| {
            (class.pictures > 0).then(|| class.right as f64 / class.pictures as f64)
        };
        let recalls = self.classes.iter().filter_map(recall).collect::<Vec<_>>();
        let per_class = names.iter().zip(&self.classes).map(|(name, class)| ClassResult {
            name: name.clone(),
            pictures: class.pictures,
            recall: recall(class),
            average_precision: None,
        });
        Classification {
            language: None,
            templates: Vec::new(),
            pictures,
            classes: names.len(),
            accuracy_at_1: share(self.at_1),
            accuracy_at_5: share(self.at_5),
            mean_per_class_recall: recalls.iter().sum::<f64>() / recalls.len().max(1) as f64,
            per_class: per_class.collect(),
            top_confusions: self.confusions(names),
            confusion_matrix: (names.len() <= MOST_IN_MATRIX).then(|| self.matrix(names.len())),
            calibration: None,
        }
    }

    fn confusions(&self, names: &[String]) -> Vec<Confusion> {
        let wrong = self.answers.iter().filter(|(pair, _)| pair.truth != pair.answer);
        let mut wrong = wrong.collect::<Vec<_>>();
        // The sort is stable: equal counts stay in the order of the classes.
        wrong.sort_by_key(|(_, pictures)| std::cmp::Reverse(**pictures));
        let named = wrong.into_iter().take(MOST_CONFUSIONS).map(|(pair, pictures)| Confusion {
            truth: names[pair.truth].clone(),
            answer: names[pair.answer].clone(),
            pictures: *pictures,
        });
        named.collect()
    }

    fn matrix(&self, classes: usize) -> Vec<Vec<u32>> {
        let mut matrix = vec![vec![0; classes]; classes];
        for (pair, pictures) in &self.answers {
            matrix[pair.truth][pair.answer] = *pictures;
        }
        matrix
    }
}
