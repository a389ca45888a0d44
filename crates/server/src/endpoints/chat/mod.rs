//! `POST /v1/chat/completions` as a classifier: one picture, and the labels in `response_format`, or a label set in
//! `metadata`.

mod reply;
mod schema;
mod set;

use std::sync::Arc;

use model::{Label, LabelScore};
use serde_json::{Map, Value};

use super::{times, usage_with};
use crate::call::{Answer, Call, Reply};
use crate::classification::Usage;
use crate::error::ApiError;
use crate::fields::{Fields, wrong};
use crate::input::{Content, Inputs, Part};
use crate::label_sets;
use crate::labels::{self, Candidates};
use crate::loaded::LoadedModel;
use crate::work;
pub(crate) use reply::ChatReply;
use reply::{Completion, LogProbs};
use schema::{Answers, Property, Question};

/// From which probability a label of an array is given.
const THRESHOLD: f32 = 0.5;

/// What other models understand and a classifier has no use for.
const MEANINGLESS: &[&str] = &[
    "user",
    "temperature",
    "top_p",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "store",
    "parallel_tool_calls",
    "reasoning_effort",
    "safety_identifier",
    "prompt_cache_key",
    "service_tier",
];

pub(crate) async fn completions(mut call: Call) -> Answer {
    let set = set::find(&mut call).await?;
    let answers = match &set {
        Some(set) if !Answers::are_asked_for(&call.fields) => Answers::of_set(set),
        _ => Answers::take(&mut call.fields, call.app.limits.labels)?,
    };
    let image = image(&mut call.fields, call.app.limits.inputs)?;
    let options = Options::take(&mut call.fields)?;
    let choices = call.fields.texts("templates")?;
    call.fields.pass_over(MEANINGLESS);
    if let Some(set) = &set {
        set::check(set, &answers, choices.as_deref())?;
    }
    let model = call.model().await?;
    let rows = work::embed_all(&call, &model, vec![image]).await?;
    let limit = call.app.limits.labels;
    let mut usage = Usage::default();
    let mut filled = Vec::new();
    if let Some(set) = &set {
        let vectors = label_sets::vectors(&call.app, &model, set).await?;
        usage = usage_with(&call, [], vectors.counted(set));
        let scores = vectors.score(set, &rows[0].row, None);
        let questions = answers.questions().into_iter();
        filled = questions
            .map(|question| set::fill(set, &scores, question, options.threshold))
            .collect();
    }
    for question in answers.questions().into_iter().filter(|_| set.is_none()) {
        let labels = question.labels.iter().map(|label| Label::from(label.as_str())).collect();
        let candidates = Candidates::new(labels, choices.clone(), &question.place, limit)?;
        let answer = answer(&call, &model, &candidates, question, &rows[0], options.threshold);
        let (answer, of_question) = answer.await?;
        usage = sum(usage, of_question);
        filled.push(answer);
    }
    let logprobs = match filled.as_slice() {
        [one] if options.logprobs => Some(LogProbs::new(one, options.top_logprobs)),
        _ => None,
    };
    let completion = Completion {
        model: model.description.id.clone(),
        fingerprint: model.description.fingerprint.clone(),
        content: content(&answers, &filled),
        logprobs,
        usage: Usage {
            images: 1,
            cached_images: usize::from(rows[0].cached),
            cost: call.bill.cost(),
            ..usage
        },
    };
    let times = times(&rows);
    let reply = if options.stream {
        Reply::from_response(completion.stream(options.include_usage))
    } else {
        Reply::new(&completion.reply())
    };
    Ok(reply.ignoring(call.fields).timed(times))
}

/// A question's labels with their scores, best first.
pub(crate) struct Filled {
    question: Question,
    scores: Vec<LabelScore>,
    /// Of the question's labels, where they have their own.
    thresholds: Vec<Option<f32>>,
    threshold: f32,
}

async fn answer(
    call: &Call,
    model: &Arc<LoadedModel>,
    candidates: &Candidates,
    question: &Question,
    image: &work::Embedded,
    threshold: f32,
) -> Result<(Filled, Usage), ApiError> {
    let labels = labels::vectors(&call.app, model, candidates).await?;
    let mut scores = labels.rows.score(&image.row);
    scores.sort_by(|a, b| b.score.logit.total_cmp(&a.score.logit));
    let thresholds = vec![None; question.labels.len()];
    let filled = Filled { question: question.clone(), scores, thresholds, threshold };
    Ok((filled, usage_with(call, [], labels.counted())))
}

impl Filled {
    /// The labels of the answer: the best one, or those from the threshold on.
    fn labels(&self) -> Vec<&str> {
        let label = |score: &LabelScore| self.question.labels[score.label].as_str();
        let own = |score: &LabelScore| self.thresholds[score.label];
        if self.question.single() {
            let may_be_none = self.question.may_be_none();
            let is_given = |score: &&LabelScore| {
                !may_be_none || own(score).is_none_or(|least| score.score.probability >= least)
            };
            return self.scores.iter().take(1).filter(is_given).map(label).collect();
        }
        let least = self.question.least;
        let is_likely =
            |score: &LabelScore| score.score.probability >= own(score).unwrap_or(self.threshold);
        let given = self.scores.iter().enumerate();
        let given = given.filter(|(rank, score)| *rank < least || is_likely(score));
        given.map(|(_, score)| label(score)).collect()
    }

    fn value(&self) -> Value {
        let labels = self.labels();
        if self.question.single() { labels.first().copied().into() } else { labels.into() }
    }

    /// What a number beside the label says: how sure the answer is.
    fn confidence(&self) -> f32 {
        let best = &self.scores[0];
        if self.question.single() { best.relative } else { best.score.probability }
    }
}

/// The text of the message.
fn content(answers: &Answers, filled: &[Filled]) -> String {
    let properties = match answers {
        Answers::Plain(_) => return filled[0].labels()[0].to_owned(),
        Answers::Object(properties) => properties,
    };
    let mut answered = filled.iter();
    let mut object = Map::new();
    for (name, property) in properties {
        let value = match property {
            Property::Question(_) => answered.next().expect("every question was answered").value(),
            Property::Confidence => f64::from(filled[0].confidence()).into(),
        };
        object.insert(name.clone(), value);
    }
    Value::Object(object).to_string()
}

/// The one picture of the messages.
fn image(fields: &mut Fields, limit: usize) -> Result<Part, ApiError> {
    let Some(messages) = fields.take("messages") else {
        let wanted = "messages with one image_url part";
        return Err(crate::fields::missing("messages", wanted));
    };
    let body = serde_json::json!({ "messages": messages });
    let inputs = Inputs::take(&mut Fields::of(body)?, limit)?;
    let is_image = |part: &Part| !matches!(part.content, Ok(Content::Text(_)));
    let mut images = inputs.parts.into_iter().filter(is_image);
    match (images.next(), images.next()) {
        (Some(image), None) => Ok(image),
        (None, _) => {
            let message = "messages has no image; this model classifies one image_url part";
            Err(ApiError::invalid("missing_image", message).at("messages"))
        }
        (Some(_), Some(_)) => {
            let message = "messages has several images; send one, or use /v1/classify";
            Err(ApiError::invalid("several_images", message).at("messages"))
        }
    }
}

struct Options {
    stream: bool,
    include_usage: bool,
    logprobs: bool,
    top_logprobs: usize,
    threshold: f32,
}

impl Options {
    fn take(fields: &mut Fields) -> Result<Self, ApiError> {
        if let Some(n) = fields.whole("n", 1..=usize::MAX)?.filter(|&n| n != 1) {
            return Err(wrong("n", &n.into(), "1: the same picture has the same answer"));
        }
        let stream = fields.flag("stream")?.unwrap_or(false);
        let include_usage = match fields.take("stream_options") {
            Some(options) => {
                Fields::inner(options, "stream_options")?.flag("include_usage")?.unwrap_or(false)
            }
            None => false,
        };
        Ok(Self {
            stream,
            include_usage,
            logprobs: fields.flag("logprobs")?.unwrap_or(false),
            top_logprobs: fields.whole("top_logprobs", 0..=usize::MAX)?.unwrap_or(0),
            threshold: fields.fraction("threshold")?.unwrap_or(THRESHOLD),
        })
    }
}

fn sum(a: Usage, b: Usage) -> Usage {
    Usage {
        prompt_tokens: a.prompt_tokens + b.prompt_tokens,
        total_tokens: a.total_tokens + b.total_tokens,
        labels: a.labels + b.labels,
        cached_labels: a.cached_labels + b.cached_labels,
        ..a
    }
}
