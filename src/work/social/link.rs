//! The signed link with which a partner's own people see a post, approve it, or post it themselves.

use crate::{
    domain::kernel::{
        Error, Result,
        id::SocialPostId,
        token::{Keys, Purpose},
    },
    store::social::{Post, posts},
    work::Context,
};

/// A link to one post. Whoever has it may see and approve that post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostLink(SocialPostId);

impl PostLink {
    /// For the post with this id.
    ///
    /// # Errors
    /// `Invalid` for what is no id.
    pub fn new(id: &str) -> Result<Self> {
        SocialPostId::parse(id).map(Self)
    }

    /// Its path among our pages.
    pub fn path(&self, keys: &Keys) -> String {
        format!("/post/{}", keys.sign(Purpose::Post, &self.0.to_bytes()))
    }
}

/// The post that a link opens.
///
/// # Errors
/// `NotFound` for what we did not sign, or a post that is gone.
pub async fn opened(ctx: &Context, token: &str) -> Result<Post> {
    let id = SocialPostId::from_bytes(ctx.keys.verify(Purpose::Post, token)?);
    posts::post(&ctx.db, &id.to_string()).await?.ok_or_else(|| Error::not_found("this link"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::random::SeededRandom;

    #[test]
    fn a_link_is_for_one_post_and_for_nothing_else() {
        let keys = Keys::new(&[vec![7; 32]]).unwrap();
        let id = SocialPostId::new(1, &SeededRandom::new(1));
        let path = PostLink::new(&id.to_string()).unwrap().path(&keys);
        let token = path.strip_prefix("/post/").unwrap();
        assert_eq!(keys.verify::<16>(Purpose::Post, token).unwrap(), id.to_bytes());
        assert!(keys.verify::<16>(Purpose::Offer, token).is_err());
        assert!(PostLink::new("soc_1").is_err());
    }
}
