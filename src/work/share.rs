//! Share kits: what a partner's person posts about an asset, network by network, with a tracked link of the partner's own.

use super::{
    cobrand::{CoBrand, no_value},
    context::Context,
    placed,
    recall::Replaced,
};
use crate::{
    domain::{
        content::{
            Asset, AssetKind, Detail, Library, Reader,
            kinds::{Network, Social},
            merge::merge,
        },
        engagement::Placement,
        kernel::Result,
    },
    render::social,
};

/// Posts of one kit at most.
const POSTS_MAX: usize = 60;

/// A post for one network.
#[derive(Debug, Clone)]
pub struct Post {
    /// The title of what it leads to.
    pub title: String,
    /// Where it is posted.
    pub network: Placement,
    /// Its words, without the link.
    pub text: String,
    /// The tracked link.
    pub link: String,
    /// What it leads to is about, or nothing.
    pub summary: String,
}

/// The network that authors call so, as a placement.
pub fn placement(network: Network) -> Placement {
    match network {
        Network::Linkedin => Placement::Linkedin,
        Network::X => Placement::X,
        Network::Bluesky => Placement::Bluesky,
        Network::Mastodon => Placement::Mastodon,
    }
}

/// Whether there may be posts about what is of this kind.
pub fn is_shared(kind: AssetKind) -> bool {
    kind.is_for_customers() || matches!(kind, AssetKind::Social | AssetKind::Kit)
}

/// The posts about `asset`: its own where it is a post, those of a kit, or those that lead to it, with the title and summary for
/// networks that no post is written for.
///
/// # Errors
/// `Invalid` for merge fields without value.
pub fn posts(
    ctx: &Context,
    library: &Library,
    brand: &CoBrand<'_>,
    replaced: &Replaced,
    asset: &Asset,
) -> Result<Vec<Post>> {
    let making = Making { ctx, library, brand, replaced };
    let mut posts = Vec::new();
    match &asset.detail {
        Detail::Social(post) => making.of_social(asset, post, &mut posts)?,
        Detail::Kit(kit) => {
            for tactic in &kit.tactics {
                let piece = library.find(replaced.present(tactic.asset.as_str()), brand.locale);
                if let Some(piece) = piece.filter(|piece| making.is_theirs(piece))
                    && let Detail::Social(post) = &piece.detail
                {
                    making.of_social(piece, post, &mut posts)?;
                }
            }
        }
        _ if asset.kind().is_for_customers() => {
            let written = library.assets.iter().filter(|piece| piece.locale.is_none());
            for piece in written {
                let shown = library.find(&piece.reference, brand.locale).unwrap_or(piece);
                if let Detail::Social(post) = &shown.detail
                    && post.link.as_ref().is_some_and(|link| link.as_str() == asset.reference)
                    && making.is_theirs(shown)
                    && !replaced.contains(&shown.reference)
                {
                    making.of_social(shown, post, &mut posts)?;
                }
            }
            making.of_asset(asset, &mut posts)?;
        }
        _ => {}
    }
    posts.truncate(POSTS_MAX);
    Ok(posts)
}

struct Making<'m> {
    ctx: &'m Context,
    library: &'m Library,
    brand: &'m CoBrand<'m>,
    replaced: &'m Replaced,
}

impl Making<'_> {
    fn is_theirs(&self, asset: &Asset) -> bool {
        asset.concerns(&Reader::insider(self.brand.partner, self.brand.locale))
    }

    fn link(&self, target: &str, network: Placement) -> String {
        placed::address(self.ctx, self.brand.partner, self.brand.locale, target, (network, false))
    }

    fn of_social(&self, asset: &Asset, post: &Social, posts: &mut Vec<Post>) -> Result<()> {
        let Some(link) = post.link.as_ref().map(|link| self.replaced.present(link.as_str())) else {
            return Ok(());
        };
        let target = self.library.find(link, self.brand.locale).filter(|target| self.is_theirs(target));
        let Some(target) = target else { return Ok(()) };
        let title = self.brand.text(&target.front.title)?;
        let summary = target.front.summary.as_ref().map(|it| self.brand.text(it)).transpose()?;
        let reader = Reader::insider(self.brand.partner, self.brand.locale);
        let nodes = merge(&asset.text_for(&reader), &|field| self.brand.value_or_name(field))
            .map_err(|missing| no_value(self.brand.partner, &missing))?;
        for network in &post.networks {
            let own = post.text_for(*network).map(|text| self.brand.text(text)).transpose()?;
            let network = placement(*network);
            posts.push(Post {
                title: title.clone(),
                network,
                text: social::post(&nodes, own.as_deref(), "").trim().to_owned(),
                link: self.link(&target.reference, network),
                summary: summary.clone().unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// For networks that no post is written for.
    fn of_asset(&self, asset: &Asset, posts: &mut Vec<Post>) -> Result<()> {
        let title = self.brand.text(&asset.front.title)?;
        let summary = asset.front.summary.as_ref().map(|it| self.brand.text(it)).transpose()?;
        let text = summary.as_ref().map_or_else(|| title.clone(), |summary| format!("{title}\n\n{summary}"));
        let summary = summary.unwrap_or_default();
        for network in Placement::NETWORKS {
            if !posts.iter().any(|post| post.network == network) {
                let link = self.link(&asset.reference, network);
                let (title, text, summary) = (title.clone(), text.clone(), summary.clone());
                posts.push(Post { title, network, text, link, summary });
            }
        }
        Ok(())
    }
}
