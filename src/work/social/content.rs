//! What is posted of an asset in a partner's account.

use crate::{
    domain::{
        content::{Asset, Detail, Reader, asset::Picture, kinds::Network},
        kernel::{Error, Result, id::SocialPostId},
        partner::Partner,
        social::{Content, Mode, PostState, fit, tid, x},
    },
    store::social::Account,
    work::{Context, cobrand::CoBrand, recall::Replaced, share, tokens::sha256_hex},
};

/// A post as it begins.
pub(super) struct Begun {
    /// Its content, as JSON.
    pub json: String,
    /// Its hash.
    pub hash: String,
    /// The state that it begins in.
    pub state: PostState,
    /// Why it begins in it.
    pub because: String,
}

/// What is posted of `asset` (an original) in an account of `partner`; nothing where it is not theirs, or was recalled.
///
/// # Errors
/// `Invalid` for merge fields without value.
pub(super) fn content(
    ctx: &Context,
    replaced: &Replaced,
    (partner, network): (&Partner, Network),
    asset: &str,
    post: SocialPostId,
) -> Result<Option<Content>> {
    let (library, media) = (ctx.library(), ctx.media());
    let Some(shown) = library.find(asset, &partner.locale).filter(|_| !replaced.contains(asset)) else {
        return Ok(None);
    };
    let Detail::Social(social) = &shown.detail else { return Ok(None) };
    let reader = Reader::insider(partner, &partner.locale);
    if !social.networks.contains(&network) || !shown.concerns(&reader) {
        return Ok(None);
    }
    let brand = CoBrand::new(&library, &media, partner, &partner.locale, &ctx.settings.public_url)?;
    let placement = share::placement(network);
    let made = share::posts(ctx, &library, &brand, replaced, shown)?;
    let Some(made) = made.into_iter().find(|made| made.network == placement) else { return Ok(None) };
    let target =
        social.link.as_ref().and_then(|link| library.find(replaced.present(link.as_str()), &partner.locale));
    let picture = picture(network, shown, target);
    let hash = picture.and_then(|picture| media.get(&picture.path)).cloned().unwrap_or_default();
    let own = shown.locale.as_ref().unwrap_or(&brand.vendor.default_locale);
    let sign = if made.link.contains('?') { '&' } else { '?' };
    Ok(Some(Content {
        // One of its own, by which it is found again.
        link: format!("{}{sign}post={}", made.link, tid::of_post(post)),
        text: made.text,
        title: made.title,
        summary: made.summary,
        locale: own.to_string(),
        alt: picture.filter(|_| !hash.is_empty()).map(|picture| picture.alt.clone()).unwrap_or_default(),
        image: hash,
    }))
}

/// The picture of a post: a card shows that of what it leads to, where it has none of its own.
fn picture<'a>(network: Network, own: &'a Asset, target: Option<&'a Asset>) -> Option<&'a Picture> {
    let of_target = || target.and_then(|target| target.front.image.as_ref());
    let own = own.front.image.as_ref();
    if matches!(network, Network::Bluesky | Network::Linkedin) { own.or_else(of_target) } else { own }
}

/// How a post of `account` begins: a text that cannot fit waits for nobody's approval, and neither does one that has no value for
/// a field.
///
/// # Errors
/// `Internal` where it cannot be written as JSON.
pub(super) fn begin(account: &Account, content: Result<Content>) -> Result<Begun> {
    let mode = Mode::parse(&account.mode).unwrap_or(Mode::ShareKit);
    let (content, fault) = match content {
        Ok(content) => {
            let fits = match Network::parse(&account.network) {
                _ if mode == Mode::ShareKit => Ok(()),
                Some(Network::Bluesky) => fit::bluesky(&content.text),
                Some(Network::Linkedin) => fit::linkedin(&content.text),
                Some(Network::X) => fit::x(&x::text(&content)),
                // How much a Mastodon server takes, it says itself, when it is asked.
                _ => Ok(()),
            };
            (content, fits.err())
        }
        Err(error) => (Content::default(), Some(error.public().to_owned())),
    };
    let json = serde_json::to_string(&content).map_err(|error| Error::internal("a post").because(error))?;
    Ok(Begun {
        hash: sha256_hex(json.as_bytes()),
        json,
        state: if fault.is_some() { PostState::Failed } else { mode.begins_as() },
        because: fault.unwrap_or_default(),
    })
}

/// The content of a stored post.
///
/// # Errors
/// `Internal` where it cannot be read.
pub(super) fn read(json: &str) -> Result<Content> {
    serde_json::from_str(json).map_err(|error| Error::internal("a stored post").because(error))
}
