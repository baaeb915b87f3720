//! Three-valued truth: what is not known is neither yes nor no. Kleene's logic, nothing else.

/// Yes, no, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tri {
    /// It does not hold.
    No,
    /// It cannot be told.
    Unknown,
    /// It holds.
    Yes,
}

impl Tri {
    /// Both: one no decides it, whatever the other is.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            (Self::Unknown, Self::Yes | Self::Unknown) | (Self::Yes, Self::Unknown) => Self::Unknown,
        }
    }

    /// Either: one yes decides it, whatever the other is.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// The reverse; what is unknown stays so.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "a const method beside `and` and `or`; the operator is there too")]
    pub const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    /// Whether it certainly holds.
    #[must_use]
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Whether it certainly does not hold.
    #[must_use]
    pub const fn is_no(self) -> bool {
        matches!(self, Self::No)
    }

    /// Whether it cannot be told.
    #[must_use]
    pub const fn is_unknown(self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// All of them; of none: yes.
    #[must_use]
    pub fn all(values: impl IntoIterator<Item = Self>) -> Self {
        values.into_iter().fold(Self::Yes, Self::and)
    }

    /// Any of them; of none: no.
    #[must_use]
    pub fn any(values: impl IntoIterator<Item = Self>) -> Self {
        values.into_iter().fold(Self::No, Self::or)
    }
}

impl From<bool> for Tri {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

impl From<Option<bool>> for Tri {
    fn from(value: Option<bool>) -> Self {
        value.map_or(Self::Unknown, Self::from)
    }
}

impl std::ops::Not for Tri {
    type Output = Self;
    fn not(self) -> Self {
        Self::not(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Tri::{self, No, Unknown, Yes};

    #[test]
    fn kleene_tables() {
        let all = [No, Unknown, Yes];
        for a in all {
            for b in all {
                assert_eq!(a.and(b), a.min(b), "{a:?} and {b:?}");
                assert_eq!(a.or(b), a.max(b), "{a:?} or {b:?}");
            }
            assert_eq!(!!a, a);
        }
        assert_eq!([!No, !Unknown, !Yes], [Yes, Unknown, No]);
    }

    #[test]
    fn nothing_is_all_and_not_any() {
        assert_eq!(Tri::all([]), Yes);
        assert_eq!(Tri::any([]), No);
        assert_eq!(Tri::all([Yes, Unknown, No]), No);
        assert_eq!(Tri::any([No, Unknown]), Unknown);
    }
}
