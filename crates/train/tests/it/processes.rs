//! Several processes come to the same loss and gradients as one with the whole batch. Threads stand for the processes here;
//! `crates/cli/tests/it/processes.rs` has real ones.

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

#[test]
fn processes_train_as_one_does_in_every_kind_of_stage() {
    let text = RECIPE.replace("loss = \"softmax\"", "loss = \"sigmoid\"");
    let recipe = Recipe::parse(&text).expect("the recipe is one");
    let losses = |count: usize| {
        let folder = tempfile::tempdir().expect("a folder");
        let ends = together(count, |peers| {
            let compute = Compute::new(Isa::detect(), 1);
            let mut watcher = Stopper(u64::MAX);
            run(&recipe, beginning(), compute, &peers, folder.path(), &mut watcher)
                .expect("it trains")
        });
        assert!(ends.iter().all(|end| *end == ends[0] && end.complete));
        let log = fs_err::read_to_string(folder.path().join("log.jsonl")).expect("there is a log");
        let line = |line: &str| serde_json::from_str::<Line>(line).expect("a line is JSON").report;
        log.lines().map(line).map(|step| (step.loss, step.gradient_l2)).collect::<Vec<_>>()
    };
    let alone = losses(1);
    assert_eq!(alone.len(), 20);
    for count in [2, 4] {
        for (step, (found, expected)) in losses(count).iter().zip(&alone).enumerate() {
            let near = |a: f64, b: f64| (a - b).abs() <= 2e-3 * b.abs();
            let agree = near(found.0, expected.0) && near(found.1, expected.1);
            assert!(agree, "step {step} of {count} processes: {found:?}, {expected:?}");
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
