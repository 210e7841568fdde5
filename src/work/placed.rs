//! Links that a partner spreads where no mail of ours is: in a feed, a mail of their own system, a post. Each is signed for one
//! partner, asset and placement; whoever has it may look, and nothing else.

use std::fmt::Write as _;

use super::{
    cobrand::page_path,
    context::Context,
    tokens::short_key,
    track::{self, OnPage, Visitor},
};
use crate::domain::{
    engagement::{EventKind, Placement, Utm},
    kernel::{
        Error, Locale, Result,
        token::{Keys, Purpose},
    },
    partner::Partner,
};

/// Bytes of a token.
const BYTES: usize = 8 + 8 + 2;

/// What a link is signed for. It holds keys made of words, so it says nothing to whoever does not know what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    partner: [u8; 8],
    asset: [u8; 8],
    /// Where it stands.
    pub placement: Placement,
    /// Whether it opens what is for the partner's own people.
    pub is_inside: bool,
}

impl Placed {
    /// For the page of `asset` (a reference) of `partner` (a slug).
    pub fn new(partner: &str, asset: &str, placement: Placement, is_inside: bool) -> Self {
        let (partner, asset) = (short_key("partner", partner), short_key("asset", asset));
        Self { partner, asset, placement, is_inside }
    }

    /// Whether it is for a page of the partner with this slug.
    pub fn is_of(&self, partner: &str) -> bool {
        self.partner == short_key("partner", partner)
    }

    /// Whether it is for the asset with this reference.
    pub fn is_for(&self, asset: &str) -> bool {
        self.asset == short_key("asset", asset)
    }

    /// Signs it for `purpose`: to be followed, or to say what led to a page.
    pub fn sign(&self, keys: &Keys, purpose: Purpose) -> String {
        let mut payload = [0; BYTES];
        payload[..8].copy_from_slice(&self.partner);
        payload[8..16].copy_from_slice(&self.asset);
        payload[16] = self.placement.code();
        payload[17] = u8::from(self.is_inside);
        keys.sign(purpose, &payload)
    }

    /// Reads a token of `purpose`.
    ///
    /// # Errors
    /// `NotFound` if we did not sign it for that.
    pub fn verify(keys: &Keys, purpose: Purpose, token: &str) -> Result<Self> {
        let payload: [u8; BYTES] = keys.verify(purpose, token)?;
        let wrong = || Error::not_found("this link");
        let [at @ .., place, inside] = payload;
        let (partner, asset) = at.split_at(8);
        Ok(Self {
            partner: partner.try_into().map_err(|_| wrong())?,
            asset: asset.try_into().map_err(|_| wrong())?,
            placement: Placement::of_code(place).ok_or_else(wrong)?,
            is_inside: inside == 1,
        })
    }
}

/// The whole address of a tracked link to the page of `asset` in the partner's look, in `locale`.
pub fn address(
    ctx: &Context,
    partner: &Partner,
    locale: &Locale,
    asset: &str,
    how: (Placement, bool),
) -> String {
    let slug = partner.slug.as_str();
    let token = Placed::new(slug, asset, how.0, how.1).sign(&ctx.keys, Purpose::Placed);
    let lang = if *locale == partner.locale { String::new() } else { format!("?lang={locale}") };
    format!("{}/t/{token}/{slug}/{asset}{lang}", ctx.settings.public_url)
}

/// Follows a tracked link: records the click and returns the page it leads to. The address names the page, but only what was
/// signed for it leads there. The page is told what led to it, and others' analytics by whom, where and with what.
///
/// # Errors
/// `NotFound` for what we did not sign.
pub async fn follow(
    ctx: &Context,
    token: &str,
    (partner, asset): (&str, &str),
    lang: Option<&Locale>,
    visitor: &Visitor,
) -> Result<String> {
    let placed = Placed::verify(&ctx.keys, Purpose::Placed, token)?;
    if !placed.is_of(partner) || !placed.is_for(asset) {
        return Err(Error::not_found("this link"));
    }
    let what = OnPage { kind: EventKind::Click, partner, asset, revision: None, via: None, lead: None };
    track::placed(ctx, &what, Some(placed.placement), visitor).settled(ctx).await;
    let mut target = format!("{}{}?", ctx.settings.public_url, page_path(partner, asset));
    if let Some(lang) = lang {
        // Into a string nothing fails.
        let _ = write!(target, "lang={lang}&");
    }
    let _ = write!(target, "via={}", placed.sign(&ctx.keys, Purpose::Via));
    let utm = Utm {
        source: partner.to_owned(),
        medium: placed.placement.medium().to_owned(),
        campaign: placed.placement.as_str().to_owned(),
        content: asset.to_owned(),
    };
    Ok(utm.tell(&target))
}

/// What a `via` parameter says that is no mail of ours, if we signed it for a page of `partner`.
pub fn via(ctx: &Context, token: &str, partner: &str) -> Option<Placed> {
    Placed::verify(&ctx.keys, Purpose::Via, token).ok().filter(|placed| placed.is_of(partner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_for_one_partner_asset_and_placement() {
        let keys = Keys::new(&[vec![7; 32]]).unwrap();
        for placement in Placement::ALL {
            let made = Placed::new("northlight", "blog/a", placement, placement == Placement::Feed);
            let read = Placed::verify(&keys, Purpose::Placed, &made.sign(&keys, Purpose::Placed)).unwrap();
            assert_eq!(read, made);
            assert!(read.is_of("northlight") && !read.is_of("ipe"));
            assert!(read.is_for("blog/a") && !read.is_for("blog/b"));
        }
        let token = Placed::new("northlight", "blog/a", Placement::X, false).sign(&keys, Purpose::Placed);
        assert!(Placed::verify(&keys, Purpose::Via, &token).is_err(), "a link is for one purpose");
    }
}
