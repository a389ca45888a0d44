//! A training that is interrupted comes to the same bytes as one that is not.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use kernels::{Compute, Isa};
use pixels::RgbImage;
use tokens::{Tokenizer, TokenizerOptions};
use train::beginning::Beginning;
use train::data::{Example, Source, Subject, Wish, mix};
use train::initial::{InitialLine, initialise};
use train::parameters::Parameters;
use train::peers::{Alone, Peers};
use train::recipe::{Recipe, Stage};
use train::run::{End, Watcher, run};
use train::trainer::CONCEPTS;
use train::{Line, TrainError};
use weights::{Config, Preprocessing};

pub(crate) const RECIPE: &str = r#"
seed = 3
checkpoint_every = 3

[model]

[data]
kind = "files"
path = "none"

[[stage]]
name = "concepts"
steps = 4
batch = 5
texts = "concepts"
schedule = { rate = 1e-2, warm_up = 2 }
optimiser = { name = "muon" }
line = "auto"

[[stage]]
name = "names"
steps = 4
batch = 5
captions = 2
pictures = "concepts"
loss = "softmax"
schedule = { rate = 1e-2, warm_up = 1 }

[[stage]]
name = "locked"
steps = 4
batch = 6
captions = 2
pictures = "locked"
schedule = { rate = 1e-2, warm_up = 1 }
optimiser = { name = "lion" }

[[stage]]
name = "both"
steps = 4
batch = 4
schedule = { rate = 1e-2, warm_up = 1 }
keep = "embeddings"
line = { scale = 7.0, bias = -3.0 }
group = [{ tensors = "vision_model.*", rate = 0.1, decay = 0.0 }, { tensors = "*probe", frozen = true }]

[[stage]]
name = "pictures at names"
steps = 4
batch = 5
texts = "concepts"
names = { language = "en", share = 0.5 }
schedule = { rate = 1e-2, warm_up = 1 }
group = [{ tensors = "concepts", frozen = true }]
"#;

const CONFIG: &str = r#"{
    "text_config": {
        "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 1,
        "max_position_embeddings": 8, "vocab_size": 1000
    },
    "vision_config": {
        "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 1,
        "image_size": 16, "patch_size": 8
    }
}"#;

/// Nine colours with their names, each a little different each time.
struct Colours;

impl Source for Colours {
    fn count(&self) -> Option<u64> {
        Some(9)
    }

    fn concepts(&self) -> u32 {
        9
    }

    fn names(&self, concept: u32) -> Vec<(String, String)> {
        let names = ["en", "de", "fr"]
            .map(|language| (language.to_owned(), format!("{language} {concept}")));
        // One has no English name, and one none at all.
        let left = match concept {
            7 => &names[1..],
            8 => &[],
            _ => &names[..],
        };
        left.to_vec()
    }

    fn example(&self, wish: Wish) -> Result<Example, TrainError> {
        let noise = |i: u64| (mix(i ^ mix(wish.draw)) % 30) as u8;
        let colour = [wish.place as u8 % 3 * 100, wish.place as u8 / 3 * 100, 50];
        let pixels = (0..16 * 16 * 3).map(|i| colour[i % 3] + noise(i as u64)).collect();
        let caption = |number: usize| format!("colour {} {number}", wish.place);
        let concept = (wish.kind.subject == Subject::Concept).then_some(wish.place as u32);
        let draw = || RgbImage::from_raw(16, 16, pixels).expect("16 x 16 pixels");
        let picture = wish.picture.then(draw);
        let captions = (0..wish.kind.captions).map(caption).collect();
        Ok(Example { picture, captions, key: mix(wish.place), concept })
    }
}

fn alone() -> Rc<dyn Peers> {
    Rc::new(Alone)
}

pub(crate) fn beginning() -> Beginning {
    let config = Config::from_json(CONFIG.as_bytes()).expect("the shape is one");
    let mut parameters = Parameters::of(&config);
    parameters.add(CONCEPTS.to_owned(), &[9, 16]);
    initialise(&mut parameters, &config, InitialLine::for_texts(5), 3);
    let tokens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tokens/tests/goldens");
    let file = tokens.join("test_model.model");
    let bytes = fs_err::read(&file).expect("the model is committed");
    let options = TokenizerOptions { length: 8, vocabulary: 1000, ..TokenizerOptions::default() };
    Beginning {
        preprocessing: Preprocessing::for_vision(&config.vision),
        config,
        parameters,
        tokenizer: Tokenizer::from_spiece(&bytes, &options).expect("it is a tokenizer"),
        tokenizer_files: vec![file],
        source: Arc::new(Colours),
    }
}

/// Stops after some steps.
pub(crate) struct Stopper(pub(crate) u64);

impl Watcher for Stopper {
    fn stage(&mut self, _: &Stage, _: u64) {}
    fn locked(&mut self, _: u64, _: u64) {}
    fn step(&mut self, _: &Line, _: u64) {
        self.0 = self.0.saturating_sub(1);
    }
    fn checkpoint(&mut self, _: &Path) {}
    fn stop(&self) -> bool {
        self.0 == 0
    }
}

fn train(folder: &Path, steps: u64, threads: usize) -> End {
    let recipe = Recipe::parse(RECIPE).expect("the recipe is one");
    let compute = Compute::new(Isa::detect(), threads);
    run(&recipe, beginning(), compute, &alone(), folder, &mut Stopper(steps)).expect("it trains")
}

/// Every file of the last checkpoint, and the log but for its times.
fn bytes(end: &End, folder: &Path) -> Vec<Vec<u8>> {
    let files = fs_err::read_dir(&end.checkpoint).expect("it is there");
    let mut files = files.map(|file| file.expect("it is there").path()).collect::<Vec<_>>();
    files.sort();
    assert_eq!(files.len(), 7, "{files:?}");
    let mut all = files.iter().map(|file| fs_err::read(file).expect("a file")).collect::<Vec<_>>();
    let log = fs_err::read_to_string(folder.join("log.jsonl")).expect("there is a log");
    let line = |line: &str| {
        let mut line = serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON");
        let fields = line.as_object_mut().expect("of fields");
        fields.remove("waited").expect("it says how long it waited");
        fields.remove("pictures_per_second").expect("it says how fast it was");
        line.to_string()
    };
    all.push(log.lines().map(line).collect::<Vec<_>>().join("\n").into_bytes());
    all
}

#[test]
fn a_training_that_is_interrupted_anywhere_comes_to_the_same_bytes() {
    let whole = tempfile::tempdir().expect("a folder");
    let end = train(whole.path(), u64::MAX, 2);
    assert!(end.complete);
    assert_eq!(end.progress.total, 20);
    let expected = bytes(&end, whole.path());
    for steps in 1..20 {
        let folder = tempfile::tempdir().expect("a folder");
        let end = train(folder.path(), steps, 2);
        assert_eq!((end.complete, end.progress.total), (false, steps));
        // What a later step wrote before the process was killed is of no use.
        let log = folder.path().join("log.jsonl");
        let mut text = fs_err::read_to_string(&log).expect("there is a log");
        text.push_str(&text.lines().last().expect("a line").replace("\"step\":", "\"step\":9"));
        text.push_str("\n{\"step\":9");
        fs_err::write(&log, text).expect("it is written");
        fs_err::create_dir_all(folder.path().join(".step-00000099")).expect("an unfinished one");
        let end = train(folder.path(), u64::MAX, 1);
        assert!(end.complete);
        assert!(bytes(&end, folder.path()) == expected, "interrupted after {steps} steps");
    }
}

#[test]
fn a_stage_that_was_shortened_below_its_steps_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    train(folder.path(), 3, 1);
    let shorter = RECIPE.replacen("steps = 4", "steps = 2", 1);
    let recipe = Recipe::parse(&shorter).expect("the recipe is one");
    let compute = Compute::new(Isa::detect(), 1);
    let end = run(&recipe, beginning(), compute, &alone(), folder.path(), &mut Stopper(u64::MAX));
    let end = end.expect("it trains");
    assert_eq!((end.complete, end.progress.total), (true, 3 + 4 + 4 + 4 + 4));
}

#[test]
fn a_model_learns_what_it_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let recipe = RECIPE.split("[[stage]]").next().expect("there is a beginning").to_owned()
        + "[[stage]]\nname = \"both\"\nsteps = 150\nbatch = 9\nline = \"auto\"\n\
           schedule = { rate = 3e-3, warm_up = 10 }\n";
    let recipe = Recipe::parse(&recipe).expect("the recipe is one");
    let compute = Compute::new(Isa::detect(), 2);
    run(&recipe, beginning(), compute, &alone(), folder.path(), &mut Stopper(u64::MAX))
        .expect("it trains");
    let log = fs_err::read_to_string(folder.path().join("log.jsonl")).expect("there is a log");
    let losses = log.lines().map(|line| {
        let line = serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON");
        line["loss"].as_f64().expect("a loss")
    });
    let losses = losses.collect::<Vec<_>>();
    // Whoever knows no more than how many pairs match loses 3.14.
    assert!(losses[149] < 1.6, "{} became {}", losses[0], losses[149]);
}
