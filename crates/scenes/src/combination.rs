//! What a drawn scene can show: shapes, colours, counts; and which combinations training never sees.

use crate::random::combine;

/// Declares an enum, all its values, and the word of each in the tables.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($value:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the values say it")]
        pub enum $name { $($value),* }

        impl $name {
            /// All values, in a fixed order.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            /// The value's key in the grammar tables, an English word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$value => $word),* }
            }
        }
    };
}

words! {
    /// A plane shape.
    Shape {
        Circle = "circle", Square = "square", Triangle = "triangle", Star = "star", Hexagon = "hexagon",
        Pentagon = "pentagon", Heart = "heart", Ring = "ring", Cross = "cross", Diamond = "diamond", Oval = "oval",
        Rectangle = "rectangle",
    }
}

words! {
    /// A basic colour.
    Colour {
        Red = "red", Orange = "orange", Yellow = "yellow", Green = "green", Blue = "blue", Purple = "purple",
        Pink = "pink", Brown = "brown", Black = "black", White = "white", Grey = "grey",
    }
}

words! {
    /// A size worth a word; what is neither is not mentioned.
    Size { Small = "small", Large = "large" }
}

words! {
    /// A texture worth a word; plain is not mentioned.
    Texture { Striped = "striped", Dotted = "dotted" }
}

words! {
    /// The part of the picture where things are.
    Position { Left = "left", Right = "right", Top = "top", Bottom = "bottom" }
}

words! {
    /// How the first of two things stands to the second.
    Relation { Beside = "beside", Above = "above" }
}

/// The largest count of a scene.
pub const MOST: u8 = 5;

/// Which examples a generator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// Pictograms and the scenes that may be trained on.
    Training,
    /// Scenes alone, of combinations that training never shows.
    HeldOut,
}

/// Shape, colour and count together: the unit of the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Combination {
    /// The shape.
    pub shape: Shape,
    /// The colour.
    pub colour: Colour,
    /// How many, from 1 to [`MOST`].
    pub count: u8,
}

impl Combination {
    /// All combinations, in a fixed order.
    pub fn all() -> impl Iterator<Item = Self> {
        Shape::ALL.iter().flat_map(|&shape| {
            Colour::ALL
                .iter()
                .flat_map(move |&colour| (1..=MOST).map(move |count| Self { shape, colour, count }))
        })
    }

    /// All combinations of a split, in a fixed order.
    pub fn of(split: Split) -> impl Iterator<Item = Self> {
        Self::all().filter(move |combination| combination.split() == split)
    }

    /// The split that this combination belongs to: one in ten is held out, for ever the same ones.
    pub fn split(self) -> Split {
        if self.number().is_multiple_of(10) { Split::HeldOut } else { Split::Training }
    }

    fn number(self) -> u64 {
        let place = (self.shape as u64) << 16 | (self.colour as u64) << 8 | u64::from(self.count);
        combine(0x0073_6365_6e65_7321, place)
    }
}
