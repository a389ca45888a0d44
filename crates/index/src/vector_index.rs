//! What every back end offers.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::attributes::{Attributes, attributes_to_json};
use crate::error::IndexError;
use crate::filter::Filter;

/// The longest id, in bytes.
const LONGEST_ID: usize = 4096;

/// The most that attributes may take, in bytes of JSON.
const MOST_ATTRIBUTES: usize = 64 << 10;

/// How far a length may be from 1.
const ROUNDING: f32 = 1e-3;

/// What the vectors of an index have in common.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Space {
    /// The model's name, for people.
    pub model: String,
    /// The model's fingerprint: weights, precision and preprocessing.
    pub fingerprint: String,
    /// Numbers of a vector.
    pub dimensions: usize,
}

impl Space {
    /// Refuses to mix two.
    ///
    /// # Errors
    /// [`IndexError::OtherSpace`], which names both.
    pub fn require(&self, given: &Self) -> Result<(), IndexError> {
        if self.fingerprint == given.fingerprint && self.dimensions == given.dimensions {
            return Ok(());
        }
        let name = |space: &Self| {
            format!("{} ({}, {} numbers)", space.model, space.fingerprint, space.dimensions)
        };
        Err(IndexError::OtherSpace { stored: name(self), given: name(given) })
    }
}

/// A vector to be stored.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// 1 to 4,096 bytes.
    pub id: &'a str,
    /// Of length 1.
    pub vector: &'a [f32],
    /// At most 64 KiB of JSON.
    pub attributes: &'a Attributes,
}

impl Entry<'_> {
    /// Refuses what no back end stores.
    ///
    /// # Errors
    /// When the id, the vector or the attributes are beyond their limits.
    pub fn check(&self, space: &Space) -> Result<(), IndexError> {
        let Self { id, vector, attributes } = self;
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err(IndexError::Id { found: id.len(), limit: LONGEST_ID });
        }
        check_dimensions(vector, space)?;
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        // Also false for what is not a number.
        let is_one = (length - 1.0).abs() <= ROUNDING;
        if !is_one {
            return Err(IndexError::Length { id: (*id).to_owned(), length });
        }
        check_attributes(id, attributes)
    }

    /// The entries without those whose id comes once more behind them, in the order of their ids.
    pub fn last_of_each_id<'a>(entries: &'a [Entry<'a>]) -> Vec<&'a Entry<'a>> {
        let last = entries.iter().map(|entry| (entry.id, entry)).collect::<BTreeMap<_, _>>();
        last.into_values().collect()
    }
}

fn check_dimensions(vector: &[f32], space: &Space) -> Result<(), IndexError> {
    let (found, wanted) = (vector.len(), space.dimensions);
    if found == wanted { Ok(()) } else { Err(IndexError::Dimensions { found, wanted }) }
}

/// Refuses more attributes than any back end stores.
///
/// # Errors
/// When they take more than 64 KiB of JSON.
pub fn check_attributes(id: &str, attributes: &Attributes) -> Result<(), IndexError> {
    let found = attributes_to_json(attributes).len();
    if found > MOST_ATTRIBUTES {
        return Err(IndexError::Attributes { id: id.to_owned(), found, limit: MOST_ATTRIBUTES });
    }
    Ok(())
}

/// A vector as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// Its numbers.
    pub vector: Vec<f32>,
    /// What is known of it.
    pub attributes: Attributes,
}

impl Stored {
    /// The same, to be stored elsewhere.
    pub fn entry(&self) -> Entry<'_> {
        Entry { id: &self.id, vector: &self.vector, attributes: &self.attributes }
    }
}

/// A vector's name and what is known of it, without its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// What is known of it.
    pub attributes: Attributes,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// D numbers of any length.
    pub vector: &'a [f32],
    /// How many of the nearest.
    pub count: usize,
    /// Among which.
    pub filter: Option<&'a Filter>,
    /// How thoroughly.
    pub effort: Effort,
}

impl Query<'_> {
    /// Refuses what no back end answers.
    ///
    /// # Errors
    /// When the query has another number of dimensions than the index, or its filter is nested too deeply.
    pub fn check(&self, space: &Space) -> Result<(), IndexError> {
        check_dimensions(self.vector, space)?;
        self.filter.map_or(Ok(()), Filter::check)
    }
}

/// How thoroughly an index searches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// Most of the nearest, fast.
    #[default]
    Fast,
    /// All of the nearest.
    Exact,
}

/// One of the nearest.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Its id.
    pub id: String,
    /// The product of its vector and the query's: the cosine, when the query's length is 1.
    pub product: f32,
    /// What is known of it.
    pub attributes: Attributes,
}

impl Hit {
    /// The order of results: the nearest first, equals in the order of their ids.
    pub fn by_rank(&self, other: &Self) -> Ordering {
        other.product.total_cmp(&self.product).then_with(|| self.id.cmp(&other.id))
    }
}

/// Vectors with ids and attributes. Whatever returns without an error is there after any crash.
///
/// Functions block on files or on a database: call them on threads that may block.
pub trait VectorIndex: Send + Sync {
    /// What its vectors have in common.
    fn space(&self) -> &Space;

    /// How many vectors there are.
    ///
    /// # Errors
    /// Those of the back end.
    fn count(&self) -> Result<u64, IndexError>;

    /// Adds vectors, or replaces those with the same ids: all of them, or none. Of two with one id the last stays. A back end
    /// whose requests have a size may have taken the first of many when it fails; putting them once more is always right.
    ///
    /// # Errors
    /// Those of [`Entry::check`] and of the back end.
    fn put(&self, entries: &[Entry<'_>]) -> Result<(), IndexError>;

    /// Gives a vector other attributes; false when there is none of this id.
    ///
    /// # Errors
    /// Those of the back end.
    fn set_attributes(&self, id: &str, attributes: &Attributes) -> Result<bool, IndexError>;

    /// Removes vectors, and says how many there were.
    ///
    /// # Errors
    /// Those of the back end.
    fn remove(&self, ids: &[&str]) -> Result<u64, IndexError>;

    /// One vector.
    ///
    /// # Errors
    /// Those of the back end.
    fn get(&self, id: &str) -> Result<Option<Stored>, IndexError>;

    /// Vectors in an order of the back end's own that does not change, those behind `after` in it, which need not be there any
    /// more. At most `count`; none only at the end.
    ///
    /// # Errors
    /// Those of the back end.
    fn page(&self, after: Option<&str>, count: usize) -> Result<Vec<Stored>, IndexError>;

    /// The same without their numbers.
    ///
    /// # Errors
    /// Those of the back end.
    fn list(&self, after: Option<&str>, count: usize) -> Result<Vec<Listed>, IndexError>;

    /// The nearest, the nearest first, equals in the order of their ids. With [`Effort::Fast`] it may miss some: the
    /// embedded back end is made for at least 97 of 100.
    ///
    /// # Errors
    /// When the query has another number of dimensions, and those of the back end.
    fn search(&self, query: &Query<'_>) -> Result<Vec<Hit>, IndexError>;
}

/// A place beyond this process that keeps indexes, each under a name, for whoever reaches it.
///
/// Functions block: call them on threads that may block.
pub trait IndexServer: Debug + Send + Sync {
    /// Whether it answers, and is one that will do.
    ///
    /// # Errors
    /// When it is not.
    fn check(&self) -> Result<(), IndexError>;

    /// Opens an index, and makes it where there is none.
    ///
    /// # Errors
    /// When it holds vectors of another space, the name is not of 1 to 40 small letters, digits and underscores, or the back
    /// end does not answer.
    fn open(&self, name: &str, space: &Space) -> Result<Box<dyn VectorIndex>, IndexError>;

    /// Removes an index; nothing happens where there is none.
    ///
    /// # Errors
    /// When the name is none, or the back end does not answer.
    fn remove(&self, name: &str) -> Result<(), IndexError>;
}
