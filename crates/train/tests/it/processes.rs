//! Several processes come to the same loss and gradients as one with the whole batch. Threads stand for the processes here;
//! `crates/cli/tests/it/processes.rs` has real ones.

use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};

use kernels::{Compute, Isa};
use train::loss::{NOBODY, Place};
use train::peers::{Alone, Peers, Rank};
use train::recipe::Recipe;
use train::run::run;
use train::trainer::{Batch, Keep, LossKind, PictureInput, Settings, TextInput, Trainer};
use train::{Arithmetic, Line};

use crate::gradients::{Golden, trainer};
use crate::resume::{RECIPE, Stopper, beginning};

type Message = (Vec<f32>, Vec<u64>);

/// Where all threads put what is to be summed.
struct Meeting {
    barrier: Barrier,
    slots: Mutex<Vec<Vec<f64>>>,
}

/// A thread among others.
struct Thread {
    rank: Rank,
    next: Sender<Message>,
    before: Receiver<Message>,
    meeting: Arc<Meeting>,
}

impl Thread {
    fn summed(&self, numbers: Vec<f64>) -> Vec<f64> {
        let Meeting { barrier, slots } = &*self.meeting;
        slots.lock().expect("nobody panicked")[self.rank.index] = numbers;
        barrier.wait();
        let sums = {
            let slots = slots.lock().expect("nobody panicked");
            (0..slots[0].len()).map(|i| slots.iter().map(|slot| slot[i]).sum()).collect()
        };
        barrier.wait();
        sums
    }
}

impl Peers for Thread {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn shift(&self, numbers: &mut Vec<f32>, keys: &mut Vec<u64>) {
        self.next.send((std::mem::take(numbers), std::mem::take(keys))).expect("it listens");
        (*numbers, *keys) = self.before.recv().expect("it sends");
    }

    fn sum(&self, numbers: &mut [f32]) {
        let sums = self.summed(numbers.iter().map(|&x| f64::from(x)).collect());
        numbers.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum as f32);
    }

    fn total(&self, number: f64) -> f64 {
        self.summed(vec![number])[0]
    }
}

/// What each of `count` threads finds.
fn together<T: Send>(count: usize, work: impl Fn(Rc<dyn Peers>) -> T + Sync) -> Vec<T> {
    let meeting = Arc::new(Meeting {
        barrier: Barrier::new(count),
        slots: Mutex::new(vec![Vec::new(); count]),
    });
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| channel()).unzip();
    std::thread::scope(|scope| {
        let threads = receivers.into_iter().enumerate().map(|(index, before)| {
            let thread = Thread {
                rank: Rank { index, count },
                next: senders[(index + 1) % count].clone(),
                before,
                meeting: Arc::clone(&meeting),
            };
            let work = &work;
            scope.spawn(move || work(Rc::new(thread)))
        });
        let threads = threads.collect::<Vec<_>>();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    })
}

/// A process's part of a batch.
fn part(batch: &Batch, rank: Rank) -> Batch {
    let (PictureInput::Pictures(pictures), TextInput::Ids(ids)) = (&batch.pictures, &batch.texts)
    else {
        panic!("the golden batch has pictures and ids");
    };
    let own = rank.part(pictures.len());
    let is_own = |owner: u32| {
        if owner == NOBODY { rank.is_first() } else { own.contains(&(owner as usize)) }
    };
    let texts = (0..batch.owners.len()).filter(|&text| is_own(batch.owners[text]));
    let texts = texts.collect::<Vec<_>>();
    let tokens = ids.len() / batch.owners.len();
    let ids_of = |&text: &usize| ids[text * tokens..(text + 1) * tokens].to_vec();
    Batch {
        pictures: PictureInput::Pictures(pictures[own.clone()].to_vec()),
        texts: TextInput::Ids(texts.iter().flat_map(ids_of).collect()),
        owners: texts.iter().map(|&text| batch.owners[text]).collect(),
        image_keys: batch.image_keys[own.clone()].to_vec(),
        text_keys: texts.iter().map(|&text| batch.text_keys[text]).collect(),
        place: Place { first_image: own.start, texts_of_batch: batch.owners.len() },
    }
}

#[test]
fn parts_of_a_batch_have_the_gradients_of_the_whole() {
    let settings = Settings { arithmetic: Arithmetic::F32, keep: Keep::All };
    let find = |peers: Rc<dyn Peers>| {
        let batch = part(&Golden::open().batch(), peers.rank());
        let mut trainer = trainer(Isa::detect(), 1, settings).with_peers(peers);
        let loss = trainer.gradients(&batch, LossKind::Sigmoid);
        (loss, trainer.parameters().gradients.clone())
    };
    let (loss, whole) = find(Rc::new(Alone));
    let length =
        |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    for count in [1, 2, 3, 4] {
        for (index, (found, gradients)) in together(count, find).into_iter().enumerate() {
            let mut off = gradients.iter().zip(&whole).map(|(a, b)| a - b);
            let off = length(&mut off) / length(&mut whole.iter().copied());
            assert!((found - loss).abs() <= 1e-9 * loss, "{index} of {count}: {found}, {loss}");
            assert!(off <= 1e-6, "{index} of {count}: gradients are off by {off}");
        }
    }
}

/// Loss and length of the gradient of the steps that `count` processes go on from what is in a folder.
fn go_on(recipe: &Recipe, folder: &Path, count: usize, steps: u64) -> Vec<(f64, f64)> {
    let log = folder.join("log.jsonl");
    let lines = || fs_err::read_to_string(&log).unwrap_or_default();
    let before = lines().lines().count();
    let ends = together(count, |peers| {
        let compute = Compute::new(Isa::detect(), 1);
        run(recipe, beginning(), compute, &peers, folder, &mut Stopper(steps)).expect("it trains")
    });
    assert!(ends.iter().all(|end| *end == ends[0]));
    let line = |line: &str| serde_json::from_str::<Line>(line).expect("a line is JSON").report;
    lines().lines().skip(before).map(line).map(|step| (step.loss, step.gradient_l2)).collect()
}

/// From the same state the first step of each kind of stage is the same, and what it leads to nearly so: where a gradient is
/// nothing but rounding, AdamW and LION make whole steps of its sign.
#[test]
fn processes_train_as_one_does_in_every_kind_of_stage() {
    let text = RECIPE.replace("loss = \"softmax\"", "loss = \"sigmoid\"");
    let recipe = Recipe::parse(&text).expect("the recipe is one");
    let begun = tempfile::tempdir().expect("a folder");
    for stage in 0..5 {
        let from_there = |count: usize| {
            let copy = tempfile::tempdir().expect("a folder");
            copy_folder(begun.path(), copy.path());
            go_on(&recipe, copy.path(), count, 2)
        };
        let alone = from_there(1);
        assert_eq!(alone.len(), 2);
        for count in [2, 4] {
            for ((found, expected), most) in from_there(count).iter().zip(&alone).zip([1e-6, 1e-2])
            {
                let near = |a: f64, b: f64| (a - b).abs() <= most * b.abs();
                let agree = near(found.0, expected.0) && near(found.1, expected.1);
                assert!(agree, "stage {stage}, {count} processes: {found:?}, {expected:?}");
            }
        }
        assert_eq!(go_on(&recipe, begun.path(), 1, 4).len(), 4);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).expect("a folder");
    for entry in fs_err::read_dir(from).expect("it is there") {
        let entry = entry.expect("it is there");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).expect("a file");
        }
    }
}

#[test]
fn several_processes_refuse_the_softmax_loss_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let recipe = Recipe::parse(RECIPE).expect("the recipe is one");
    let errors = together(2, |peers| {
        let compute = Compute::new(Isa::detect(), 1);
        let end = run(&recipe, beginning(), compute, &peers, folder.path(), &mut Stopper(1));
        end.expect_err("softmax is refused").to_string()
    });
    assert!(errors[0].contains("stage names") && errors[0].contains("softmax"), "{errors:?}");
}
