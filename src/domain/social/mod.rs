//! Posting in partners' own accounts at social networks: modes and states, record keys, what fits into a post, what an answer
//! means, when to try again, when to warn of a token that ends, and what may be spent where posting costs money.

pub mod answer;
pub mod facet;
pub mod fit;
pub mod invitation;
pub mod linkedin;
pub mod schedule;
pub mod spend;
pub mod tid;
pub mod warning;
mod words;
pub mod x;

pub use answer::{Failure, Trouble};
pub use fit::Limits;
pub use words::{AccountState, Mode, PostState};

use serde::{Deserialize, Serialize};

/// What is posted, as it is kept: a post's hash is made of it, and approval is bound to that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its words, without the link.
    pub text: String,
    /// The tracked link, one of its own for each post.
    pub link: String,
    /// The title of what it leads to.
    pub title: String,
    /// What that is about, or nothing.
    pub summary: String,
    /// Its language, as a tag (BCP 47).
    pub locale: String,
    /// SHA-256 of its image, hex, or nothing.
    pub image: String,
    /// What stands for the image.
    pub alt: String,
}

impl Content {
    /// The words with the link at their end, for networks that have no card beside the text.
    pub fn with_link(&self) -> String {
        format!("{}\n\n{}", self.text, self.link)
    }
}
