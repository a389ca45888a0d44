//! The meaning of a drawn scene, apart from how it is drawn.

use crate::combination::{
    Colour, Combination, MOST, Position, Relation, Shape, Size, Split, Texture,
};
use crate::random::{Random, combine};

/// Things of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// Shape, colour and count.
    pub combination: Combination,
    /// Mentioned when there is one.
    pub size: Option<Size>,
    /// Mentioned when there is one.
    pub texture: Option<Texture>,
}

/// What a scene shows; its caption says exactly this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scene {
    /// One group, in a part of the picture or anywhere.
    Group {
        /// What is there.
        group: Group,
        /// Mentioned when there is one.
        position: Option<Position>,
    },
    /// Two single things.
    Pair {
        /// The left or upper one.
        first: Group,
        /// The right or lower one.
        second: Group,
        /// Beside or above.
        relation: Relation,
    },
}

impl Group {
    /// A plain group of a combination.
    pub fn plain(combination: Combination) -> Self {
        Self { combination, size: None, texture: None }
    }

    fn key(self) -> u64 {
        let Combination { shape, colour, count } = self.combination;
        let size = self.size.map_or(0, |size| 1 + size as u64);
        let texture = self.texture.map_or(0, |texture| 1 + texture as u64);
        (shape as u64) << 32 | (colour as u64) << 24 | u64::from(count) << 16 | size << 8 | texture
    }

    fn random(combination: Combination, random: &mut Random) -> Self {
        // Large things of a crowd would not fit beside each other.
        let sizes = if combination.count <= 2 { Size::ALL } else { &[Size::Small] };
        Self {
            combination,
            size: random.chance(0.25).then(|| *random.choose(sizes)),
            texture: random.chance(0.2).then(|| *random.choose(Texture::ALL)),
        }
    }
}

impl Scene {
    /// A plain scene of one combination.
    pub fn plain(combination: Combination) -> Self {
        Self::Group { group: Group::plain(combination), position: None }
    }

    /// A number that is equal exactly for equal scenes (up to a chance of 2^-64).
    pub fn key(&self) -> u64 {
        match *self {
            Self::Group { group, position } => {
                combine(group.key(), position.map_or(0, |position| 1 + position as u64))
            }
            Self::Pair { first, second, relation } => {
                combine(combine(first.key(), second.key()), 16 + relation as u64)
            }
        }
    }

    /// All groups of the scene.
    pub fn groups(&self) -> Vec<Group> {
        match *self {
            Self::Group { group, .. } => vec![group],
            Self::Pair { first, second, .. } => vec![first, second],
        }
    }

    /// A random scene of a split. Every group of a scene is of that split.
    pub(crate) fn random(split: Split, random: &mut Random) -> Self {
        if random.chance(0.25) {
            let first = random_combination(split, 1, random);
            let mut second = random_combination(split, 1, random);
            while (second.shape, second.colour) == (first.shape, first.colour) {
                second = random_combination(split, 1, random);
            }
            let relation = *random.choose(Relation::ALL);
            let of = |combination, random: &mut Random| {
                let texture = random.chance(0.1).then(|| *random.choose(Texture::ALL));
                Group { combination, size: None, texture }
            };
            return Self::Pair { first: of(first, random), second: of(second, random), relation };
        }
        let count = random.below(usize::from(MOST)) as u8 + 1;
        let group = Group::random(random_combination(split, count, random), random);
        let position = random.chance(0.25).then(|| *random.choose(Position::ALL));
        Self::Group { group, position }
    }
}

/// A combination of `count` things of a split; every count has combinations of both splits (a test looks).
fn random_combination(split: Split, count: u8, random: &mut Random) -> Combination {
    loop {
        let shape: Shape = *random.choose(Shape::ALL);
        let colour: Colour = *random.choose(Colour::ALL);
        let combination = Combination { shape, colour, count };
        if combination.split() == split {
            return combination;
        }
    }
}
