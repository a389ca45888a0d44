//! Zero-shot classification: sentences about classes against pictures.

use datasets::{Dataset, Kind, LanguageClasses};
use model::{Embeddings, Template, label_vector, templates};

use crate::calibration::Calibrator;
use crate::classification::ClassificationTally;
use crate::gather::{Gathered, embed_texts};
use crate::plan::{Plan, TemplateChoice, Watcher, Work};
use crate::precision::average_precision;
use crate::report::{ClassResult, Classification, MultiLabel, Report};
use crate::similarity::Similarities;
use crate::{Embedder, EvalError};

/// Measures every language of the plan.
pub(crate) fn measure(
    dataset: &Dataset,
    gathered: &Gathered,
    embedder: &dyn Embedder,
    plan: &Plan,
    report: &mut Report,
    watcher: &mut dyn Watcher,
) -> Result<(), EvalError> {
    let own = || {
        let names = dataset.class_names().iter();
        let name = |name: &String| (!name.is_empty()).then(|| name.clone());
        vec![LanguageClasses { language: None, names: names.map(name).collect() }]
    };
    let languages = if plan.class_names.is_empty() { own() } else { plan.class_names.clone() };
    for language in &languages {
        let Some(classes) = Classes::embed(language, dataset, gathered, embedder, plan, watcher)?
        else {
            continue;
        };
        if dataset.kind() == Kind::MultiLabel {
            report.multi_label.push(several(&classes, gathered, embedder, plan));
        } else {
            report.classification.push(one(&classes, gathered, embedder, plan));
        }
    }
    if report.classification.is_empty() && report.multi_label.is_empty() {
        return Err(EvalError::NoClassNames(dataset.name().to_owned()));
    }
    Ok(())
}

/// The classes that have a name in a language.
struct Classes {
    language: Option<String>,
    templates: Vec<String>,
    names: Vec<String>,
    /// By the data set's number of a class: its place here.
    places: Vec<Option<usize>>,
    vectors: Embeddings,
}

impl Classes {
    /// `None` when no class has a name.
    fn embed(
        language: &LanguageClasses,
        dataset: &Dataset,
        gathered: &Gathered,
        embedder: &dyn Embedder,
        plan: &Plan,
        watcher: &mut dyn Watcher,
    ) -> Result<Option<Self>, EvalError> {
        let names = language.names.iter().flatten().cloned().collect::<Vec<_>>();
        if names.is_empty() {
            return Ok(None);
        }
        let mut next = 0..;
        let places = language.names.iter().map(|name| name.as_ref().and_then(|_| next.next()));
        let templates = sentences(&plan.templates, language.language.as_deref(), dataset)?;
        let fill = |name: &String| {
            templates.iter().map(|template| template.fill(name)).collect::<Vec<_>>()
        };
        let prompts = names.iter().flat_map(fill).collect::<Vec<_>>();
        let dimension = gathered.embeddings.dimension();
        let rows = embed_texts(embedder, &prompts, dimension, Work::Prompts, watcher)?;
        let mut rows = rows.rows();
        let mut vectors = Vec::with_capacity(names.len() * dimension);
        for _ in &names {
            vectors.extend(label_vector(rows.by_ref().take(templates.len()), dimension));
        }
        Ok(Some(Self {
            language: language.language.clone(),
            templates: templates.iter().map(|template| template.as_str().to_owned()).collect(),
            places: places.collect(),
            names,
            vectors: Embeddings::from_unit_rows(dimension, vectors),
        }))
    }

    /// The places of a picture's classes that have a name, rising.
    fn of(&self, classes: &[usize]) -> Vec<usize> {
        classes.iter().filter_map(|class| self.places.get(*class).copied().flatten()).collect()
    }
}

/// The templates of a language.
fn sentences(
    choice: &TemplateChoice,
    language: Option<&str>,
    dataset: &Dataset,
) -> Result<Vec<Template>, EvalError> {
    let choices = match choice {
        TemplateChoice::Given(choices) => choices.clone(),
        TemplateChoice::Automatic => match language {
            Some(code) if templates::set_names().any(|name| name == code) => vec![code.to_owned()],
            // An English sentence around a name of another language helps nobody.
            Some(_) => vec!["none".to_owned()],
            None => dataset.templates().to_vec(),
        },
    };
    // No choice at all means `auto`.
    Ok(templates::choose(&choices)?)
}

/// One class a picture. Pictures whose class has no name here do not count.
fn one(
    classes: &Classes,
    gathered: &Gathered,
    embedder: &dyn Embedder,
    plan: &Plan,
) -> Classification {
    let mut tally = ClassificationTally::new(classes.names.len());
    let mut truths = vec![None; gathered.embeddings.len()];
    for picture in &gathered.pictures {
        let truth = classes.of(&picture.classes).first().copied();
        match (picture.row, truth) {
            (Some(row), truth) => truths[row] = truth,
            (None, Some(truth)) => tally.add_failed(truth),
            (None, None) => {}
        }
    }
    let mut calibrator = embedder.scoring().map(Calibrator::new);
    Similarities::new(&plan.compute, &classes.vectors).for_each(
        &gathered.embeddings,
        |row, cosines| {
            let Some(truth) = truths[row] else { return };
            tally.add(truth, cosines);
            if let Some(calibrator) = &mut calibrator {
                calibrator.add(cosines, &[truth]);
            }
        },
    );
    Classification {
        language: classes.language.clone(),
        templates: classes.templates.clone(),
        calibration: calibrator.map(|calibrator| calibrator.finish(&plan.precisions)),
        ..tally.finish(&classes.names)
    }
}

/// Any number of classes a picture.
fn several(
    classes: &Classes,
    gathered: &Gathered,
    embedder: &dyn Embedder,
    plan: &Plan,
) -> MultiLabel {
    let (count, pictures) = (classes.names.len(), gathered.pictures.len());
    let mut picture_of_row = vec![0; gathered.embeddings.len()];
    let mut truths = Vec::with_capacity(pictures);
    for (index, picture) in gathered.pictures.iter().enumerate() {
        truths.push(classes.of(&picture.classes));
        if let Some(row) = picture.row {
            picture_of_row[row] = index;
        }
    }
    // [class][picture]; a picture without an embedding comes last for every class.
    let mut scores = vec![f32::NEG_INFINITY; count * pictures];
    let mut calibrator = embedder.scoring().map(Calibrator::new);
    Similarities::new(&plan.compute, &classes.vectors).for_each(
        &gathered.embeddings,
        |row, cosines| {
            let picture = picture_of_row[row];
            for (class, cosine) in cosines.iter().enumerate() {
                scores[class * pictures + picture] = *cosine;
            }
            if let Some(calibrator) = &mut calibrator {
                calibrator.add(cosines, &truths[picture]);
            }
        },
    );
    let mut per_class = Vec::with_capacity(count);
    for (class, name) in classes.names.iter().enumerate() {
        let positive =
            truths.iter().map(|truth| truth.binary_search(&class).is_ok()).collect::<Vec<_>>();
        per_class.push(ClassResult {
            name: name.clone(),
            pictures: positive.iter().filter(|positive| **positive).count(),
            recall: None,
            average_precision: average_precision(
                &scores[class * pictures..(class + 1) * pictures],
                &positive,
            ),
        });
    }
    let precisions =
        per_class.iter().filter_map(|class| class.average_precision).collect::<Vec<_>>();
    MultiLabel {
        language: classes.language.clone(),
        templates: classes.templates.clone(),
        pictures,
        classes: count,
        mean_average_precision: precisions.iter().sum::<f64>() / precisions.len().max(1) as f64,
        per_class,
        calibration: calibrator.map(|calibrator| calibrator.finish(&plan.precisions)),
    }
}
