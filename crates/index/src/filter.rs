//! Which vectors a search is about.

use std::cmp::Ordering;

use crate::attributes::{Attributes, Value};
use crate::error::IndexError;

/// How deep filters may be nested.
const DEEPEST: usize = 16;

/// A condition on attributes.
///
/// A name that a vector does not have is equal to nothing and in no list, and neither above nor below anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// On one attribute.
    Attribute {
        /// Its name.
        key: String,
        /// What must hold of it.
        comparison: Comparison,
    },
    /// All of them; true when there is none.
    All(Vec<Filter>),
    /// At least one; false when there is none.
    Any(Vec<Filter>),
}

/// What must hold of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Equal(Value),
    /// Not equal, or not there.
    NotEqual(Value),
    /// Of the same kind, and above.
    Above(Value),
    /// Of the same kind, and above or equal.
    AtLeast(Value),
    /// Of the same kind, and below.
    Below(Value),
    /// Of the same kind, and below or equal.
    AtMost(Value),
    /// In the list.
    In(Vec<Value>),
    /// Not in the list, or not there.
    NotIn(Vec<Value>),
}

impl Comparison {
    /// Whether it holds of a value that is there.
    pub fn holds(&self, value: &Value) -> bool {
        let ordering = |other: &Value| value.compare(other);
        match self {
            Self::Equal(other) => value == other,
            Self::NotEqual(other) => value != other,
            Self::Above(other) => ordering(other) == Some(Ordering::Greater),
            Self::AtLeast(other) => ordering(other).is_some_and(Ordering::is_ge),
            Self::Below(other) => ordering(other) == Some(Ordering::Less),
            Self::AtMost(other) => ordering(other).is_some_and(Ordering::is_le),
            Self::In(list) => list.contains(value),
            Self::NotIn(list) => !list.contains(value),
        }
    }

    /// Whether it holds of a vector without such an attribute.
    pub fn holds_of_nothing(&self) -> bool {
        matches!(self, Self::NotEqual(_) | Self::NotIn(_))
    }
}

impl Filter {
    /// Whether it holds of a vector's attributes.
    pub fn holds(&self, attributes: &Attributes) -> bool {
        match self {
            Self::Attribute { key, comparison } => match attributes.get(key) {
                Some(value) => comparison.holds(value),
                None => comparison.holds_of_nothing(),
            },
            Self::All(filters) => filters.iter().all(|filter| filter.holds(attributes)),
            Self::Any(filters) => filters.iter().any(|filter| filter.holds(attributes)),
        }
    }

    /// Refuses what is nested so deeply that it could exhaust a stack.
    ///
    /// # Errors
    /// When it is nested more than 16 deep.
    pub fn check(&self) -> Result<(), IndexError> {
        self.check_within(DEEPEST)
    }

    fn check_within(&self, depth: usize) -> Result<(), IndexError> {
        let (Self::All(filters) | Self::Any(filters)) = self else { return Ok(()) };
        let Some(depth) = depth.checked_sub(1) else {
            return Err(IndexError::Depth { limit: DEEPEST });
        };
        filters.iter().try_for_each(|filter| filter.check_within(depth))
    }
}
