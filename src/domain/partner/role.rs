//! The five audiences of partner communication.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a reader does at the partner; decides which blocks concern them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudienceRole {
    /// Sells.
    Sales,
    /// Designs and runs.
    Technical,
    /// Runs campaigns.
    Marketing,
    /// Writes software.
    Development,
    /// Decides.
    Executive,
}

impl AudienceRole {
    /// All five, in their usual order.
    pub const ALL: [Self; 5] =
        [Self::Sales, Self::Technical, Self::Marketing, Self::Development, Self::Executive];

    /// The word used in files and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::Technical => "technical",
            Self::Marketing => "marketing",
            Self::Development => "development",
            Self::Executive => "executive",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for AudienceRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of roles. The empty set stands for "nobody in particular", which for a block or an asset means everyone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Roles(u8);

impl Roles {
    /// No role.
    pub const NONE: Self = Self(0);
    /// All five.
    pub const ALL: Self = Self(0b1_1111);

    /// Adds `role`.
    pub fn insert(&mut self, role: AudienceRole) {
        self.0 |= 1 << role as u8;
    }

    /// Whether `role` is in it.
    pub fn contains(self, role: AudienceRole) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Whether the two share a role.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether it holds none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether something addressed to `self` concerns a reader with `reader` roles: addressed to nobody in
    /// particular is addressed to everyone.
    pub fn concern(self, reader: Self) -> bool {
        self.is_empty() || self.intersects(reader)
    }

    /// The roles in their usual order.
    pub fn iter(self) -> impl Iterator<Item = AudienceRole> {
        AudienceRole::ALL.into_iter().filter(move |role| self.contains(*role))
    }

    /// Reads `sales;technical`.
    ///
    /// # Errors
    /// The first word that is no role.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words = text.split([';', ',']).map(str::trim).filter(|word| !word.is_empty());
        words
            .map(|word| AudienceRole::parse(word).ok_or_else(|| word.to_owned()))
            .collect::<Result<Self, String>>()
    }
}

impl FromIterator<AudienceRole> for Roles {
    fn from_iter<I: IntoIterator<Item = AudienceRole>>(roles: I) -> Self {
        let mut set = Self::NONE;
        roles.into_iter().for_each(|role| set.insert(role));
        set
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, role) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(";")?;
            }
            f.write_str(role.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roles({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_for_nobody_in_particular_is_for_everyone() {
        let sales = Roles::parse("sales").unwrap();
        assert!(Roles::NONE.concern(sales));
        assert!(sales.concern(Roles::parse("executive; sales").unwrap()));
        assert!(!sales.concern(Roles::parse("technical").unwrap()));
        assert_eq!(Roles::parse("sales;boss"), Err("boss".to_owned()));
        assert_eq!(Roles::ALL.to_string(), "sales;technical;marketing;development;executive");
    }
}
