//! Concepts at their names.

use std::rc::Rc;

use kernels::{Compute, Isa};
use train::checkpoint;
use train::optimiser::Optimiser;
use train::peers::{Alone, Peers};
use train::recipe::Recipe;
use train::run::run;
use train::trainer::{CONCEPTS, CpuTrainer, Settings, Trainer};

use crate::resume::{RECIPE, Stopper, beginning};

#[test]
fn a_stage_puts_concepts_where_the_text_tower_has_their_names() {
    let head = RECIPE.split("[[stage]]").next().expect("there is a beginning");
    let stage = RECIPE.split("[[stage]]").find(|stage| stage.contains("names = {"));
    let recipe = format!("{head}[[stage]]{}", stage.expect("one of them does"));
    let recipe = Recipe::parse(&recipe.replace("0.5", "0.25")).expect("the recipe is one");
    let folder = tempfile::tempdir().expect("a folder");
    let compute = || Compute::new(Isa::detect(), 1);
    let peers: Rc<dyn Peers> = Rc::new(Alone);
    let end = run(&recipe, beginning(), compute(), &peers, folder.path(), &mut Stopper(u64::MAX));
    let before = beginning();
    let mut parameters = before.parameters;
    let range = parameters.range(CONCEPTS);
    let unnamed = parameters.values[range.clone()][8 * 16..].to_vec();
    let stage = &recipe.stages[0];
    let mut optimiser = Optimiser::new(stage.optimiser, &parameters, stage.learning(&parameters));
    let end = end.expect("it trains").checkpoint;
    checkpoint::load(&end, &mut parameters, &mut optimiser).expect("it is a checkpoint");
    let table = parameters.values[range].to_vec();
    let settings = Settings { arithmetic: recipe.arithmetic, keep: stage.keep };
    let mut trainer = CpuTrainer::new(
        compute(),
        &before.config,
        &before.preprocessing,
        settings,
        parameters,
        optimiser,
    );
    let mut vector = |name: &str| {
        let ids = before.tokenizer.encode(name).expect("it is a text").ids;
        trainer.embed_texts(&ids)
    };
    let near = |row: usize, parts: &[(f32, Vec<f32>)]| {
        let sum = |place: usize| parts.iter().map(|(share, x)| share * x[place]).sum::<f32>();
        let sums = (0..16).map(sum).collect::<Vec<_>>();
        let length = sums.iter().map(|x| x * x).sum::<f32>().sqrt();
        let off = sums.iter().zip(&table[row * 16..]).map(|(a, b)| (a / length - b).abs());
        let off = off.fold(0.0, f32::max);
        assert!(off < 1e-5, "row {row} is {off} off");
    };
    let parts = [(0.25, vector("en 2")), (0.375, vector("de 2")), (0.375, vector("fr 2"))];
    near(2, &parts);
    near(7, &[(0.5, vector("de 7")), (0.5, vector("fr 7"))]);
    assert_eq!(table[8 * 16..], unnamed, "it has no name");
}

#[test]
fn names_without_a_table_of_concepts_are_refused() {
    for wrong in [("share = 0.5", "share = 1.5"), ("texts = \"concepts\"\nnames", "names")] {
        let recipe = RECIPE.replace(wrong.0, wrong.1);
        let error = Recipe::parse(&recipe).expect_err("it makes no sense").to_string();
        assert!(error.contains("pictures at names: names go with"), "{error}");
    }
}
