use std::collections::BTreeSet;

use scenes::{Colour, Combination, Content, Generator, MOST, Settings, Shape, Split};

fn generator(split: Split) -> Generator {
    Generator::new(None, Settings { split, side: 16, captions: 1, ..Settings::default() }).unwrap()
}

fn shown(split: Split) -> BTreeSet<Combination> {
    let generator = generator(split);
    let scene = |index| match generator.example(3, index).content {
        Content::Scene(scene) => scene.groups(),
        Content::Pictograms(_) => panic!("there is no artwork"),
    };
    (0..6_000).flat_map(scene).map(|group| group.combination).collect()
}

#[test]
fn training_never_shows_a_held_out_combination_and_held_out_shows_nothing_else() {
    let (training, held_out) = (shown(Split::Training), shown(Split::HeldOut));
    assert!(training.is_disjoint(&held_out));
    assert!(training.iter().all(|combination| combination.split() == Split::Training));
    assert_eq!(held_out, Combination::of(Split::HeldOut).collect(), "all of them come up");
}

#[test]
fn about_a_tenth_is_held_out_and_every_shape_colour_and_count_is_trained() {
    let all = Shape::ALL.len() * Colour::ALL.len() * usize::from(MOST);
    assert_eq!(Combination::all().count(), all);
    let held_out: Vec<Combination> = Combination::of(Split::HeldOut).collect();
    assert!((all / 15..all / 7).contains(&held_out.len()), "{} of {all}", held_out.len());
    for count in 1..=MOST {
        assert!(held_out.iter().any(|combination| combination.count == count), "{count}");
    }
    let training: Vec<Combination> = Combination::of(Split::Training).collect();
    for &shape in Shape::ALL {
        for &colour in Colour::ALL {
            let seen = training.iter().filter(|c| c.shape == shape && c.colour == colour).count();
            assert!(seen >= 2, "{shape:?} {colour:?} is trained with {seen} counts");
        }
    }
}

#[test]
fn the_split_is_for_ever() {
    // A change of this list would put trained combinations into the evaluation of older models.
    let word = |c: Combination| format!("{} {} {}", c.count, c.colour.word(), c.shape.word());
    let first: Vec<String> = Combination::of(Split::HeldOut).take(6).map(word).collect();
    assert_eq!(first, FIRST_HELD_OUT);
}

const FIRST_HELD_OUT: [&str; 6] = [
    "3 red circle",
    "2 yellow circle",
    "3 yellow circle",
    "3 brown circle",
    "5 brown circle",
    "1 white circle",
];
