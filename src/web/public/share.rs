//! What a partner's person posts about an asset: words, a tracked link, where to post it, and that they did.

use std::sync::Arc;

use axum::{
    Extension, Form as Body,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use super::{Head, Setting, Wanted, withdrawn};
use crate::{
    domain::{
        content::{Asset, Reader},
        engagement::Placement,
        kernel::{Error, Result, id::DeliveryId},
    },
    render::{
        Strings,
        social::{self, MASTODON},
    },
    store::deliveries,
    web::{
        error::Problem,
        headers,
        respond::{self, Answer},
        throttle::Throttle,
        visitor::Asking,
    },
    work::{
        Context,
        cobrand::CoBrand,
        recall::Replaced,
        share,
        track::{self, SharedBy},
    },
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The asset's title.
    pub title: String,
    /// What to do.
    pub text: String,
    /// Its page.
    pub back: String,
    /// What was noted just now.
    pub noted: Option<String>,
    /// Where Mastodon is.
    pub server: String,
    /// What a form that comes back here must send again, name and value.
    pub keep: Vec<(&'static str, String)>,
    /// Where "I shared it" goes; none for whoever is not known by a mail to them.
    pub told: Option<String>,
    /// The posts.
    pub posts: Vec<Post>,
}

/// A post.
#[derive(Debug, Serialize)]
pub struct Post {
    /// Its number on the page, for labels.
    pub no: usize,
    /// What it leads to.
    pub title: String,
    /// The network's name.
    pub label: &'static str,
    /// The network's word.
    pub network: &'static str,
    /// Whether the network is on many servers.
    pub is_mastodon: bool,
    /// Its words.
    pub text: String,
    /// Its tracked link.
    pub link: String,
    /// Where the network takes it.
    pub intent: String,
    /// What leads there.
    pub open: String,
    /// What is said once it is done.
    pub done: String,
}

/// What the address may say beside language and mail.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// A Mastodon server.
    server: Option<String>,
    /// The network whose sharing was noted just now.
    shared: Option<String>,
}

/// What "I shared it" sends.
#[derive(Debug, Deserialize)]
pub struct Told {
    network: String,
}

/// The mail to one of the partner's people that led here.
async fn to_contact(ctx: &Context, setting: &Setting, wanted: &Wanted) -> Result<Option<DeliveryId>> {
    let Some(id) = wanted.delivery(ctx) else { return Ok(None) };
    let sent = deliveries::sent(&ctx.db, id).await?;
    let is_theirs = |sent: &deliveries::Sent| {
        sent.contact_id.is_some() && sent.partner_slug == setting.partner.slug.as_str()
    };
    Ok(sent.as_ref().is_some_and(is_theirs).then_some(id))
}

/// Whether whoever looks came by their own people's feed.
fn is_inside(ctx: &Context, setting: &Setting, wanted: &Wanted) -> bool {
    wanted.placed(ctx, &setting.partner).is_some_and(|placed| placed.is_inside)
}

/// Whether whoever looks came by a mail to the partner's people, or by their own feed.
///
/// # Errors
/// Those of the store.
pub async fn may_share(ctx: &Context, setting: &Setting, wanted: &Wanted) -> Result<bool> {
    Ok(is_inside(ctx, setting, wanted) || to_contact(ctx, setting, wanted).await?.is_some())
}

/// The asset, for the partner's people.
fn asset<'s>(setting: &'s Setting, reference: &str) -> Result<&'s Asset, Problem> {
    let reader = Reader::insider(&setting.partner, &setting.locale);
    let found = setting.library.find(reference, &setting.locale).filter(|asset| asset.concerns(&reader));
    found.filter(|asset| share::is_shared(asset.kind())).ok_or_else(Problem::no_page)
}

/// `GET /p/{partner}/{folder}/{slug}/share`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    Query(asked): Query<Asked>,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let reference = format!("{folder}/{slug}");
    let may_tell = to_contact(&ctx, &setting, &wanted).await?.is_some();
    if !may_tell && !is_inside(&ctx, &setting, &wanted) {
        return Err(Problem::no_page());
    }
    if let Some(instead) = withdrawn::instead(&ctx, &setting, &reference, &wanted).await? {
        return Ok(instead);
    }
    let asset = asset(&setting, &reference)?;
    let replaced = Replaced::load(&ctx.db).await?;
    let base = &ctx.settings.public_url;
    let brand = CoBrand::new(&setting.library, &setting.media, &setting.partner, &setting.locale, base)?;
    let language = ctx.templates.language(&setting.locale);
    let strings = ctx.templates.strings(&language);
    let server = asked.server.as_deref().and_then(social::server).unwrap_or_else(|| MASTODON.to_owned());
    let posts = share::posts(&ctx, &setting.library, &brand, &replaced, asset)?;
    let own = format!("/p/{}/{reference}", setting.partner.slug);
    let noted = asked.shared.as_deref().and_then(Placement::parse).filter(|it| it.is_network());
    let keep = [("lang", &wanted.lang), ("via", &wanted.via)];
    let view = View {
        title: brand.text(&asset.front.title)?,
        text: strings.fill("share_text", &[("partner", &setting.partner.name)]),
        back: format!("{own}{}", wanted.query()),
        noted: noted.map(|it| strings.fill("share_noted", &[("network", it.label())])),
        keep: keep.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect(),
        told: may_tell.then(|| format!("{own}/share{}", wanted.query())),
        posts: (1..).zip(posts).filter_map(|(no, post)| Post::of(no, post, &server, &strings)).collect(),
        server,
    };
    let title = format!("{}: {}", strings.get("share_title"), view.title);
    let page = setting.page(&ctx, "public/share", Head::new(&title, "", &language), &view)?;
    // For the partner's own people: no search engine, and no network is told this address.
    Ok(headers::unlisted(page))
}

impl Post {
    fn of(no: usize, post: share::Post, server: &str, strings: &Strings) -> Option<Self> {
        let label = post.network.label();
        Some(Self {
            no,
            title: post.title,
            label,
            network: post.network.as_str(),
            is_mastodon: post.network == Placement::Mastodon,
            intent: social::intent(post.network, &post.text, &post.link, server)?,
            open: strings.fill("share_open", &[("network", label)]),
            done: strings.fill("share_done", &[("network", label)]),
            text: post.text,
            link: post.link,
        })
    }
}

/// `POST /p/{partner}/{folder}/{slug}/share`: "I shared it", by somebody known by the mail that led there.
pub async fn told(
    State(ctx): State<Arc<Context>>,
    Path((partner, folder, slug)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
    Body(told): Body<Told>,
) -> Answer {
    throttle.stay(&ctx, &visitor).map_err(Problem::too_often)?;
    let setting = Setting::of(&ctx, &partner, wanted.lang.as_deref()).await?;
    let reference = format!("{folder}/{slug}");
    let via = to_contact(&ctx, &setting, &wanted).await?.ok_or_else(Problem::no_page)?;
    asset(&setting, &reference)?;
    let network = Placement::parse(&told.network).filter(|it| it.is_network());
    let network = network.ok_or_else(|| Error::invalid("name the network on which you shared it"))?;
    let whose = (setting.partner.slug.as_str(), reference.as_str());
    track::shared(&ctx, whose, network, SharedBy::Mail(via), &visitor).settled(&ctx).await;
    let query = wanted.query();
    let joint = if query.is_empty() { '?' } else { '&' };
    Ok(respond::see_other(&format!(
        "/p/{}/{reference}/share{query}{joint}shared={network}",
        setting.partner.slug
    )))
}

#[cfg(test)]
impl View {
    /// Two networks, one of which was noted.
    pub fn sample() -> Self {
        let post = |no, network: Placement| Post {
            no,
            title: "Proof of Recovery: what boards should ask".into(),
            label: network.label(),
            network: network.as_str(),
            is_mastodon: network == Placement::Mastodon,
            text: "When did you last restore a backup, from start to finish?".into(),
            link: "https://cast.example/t/abc/northlight/whitepapers/proof-of-recovery".into(),
            intent: "https://bsky.app/intent/compose?text=a".into(),
            open: format!("Open {}", network.label()),
            done: format!("I shared it on {}", network.label()),
        };
        Self {
            title: "Proof of Recovery: what boards should ask".into(),
            text: "Copy the words, or open the network with them. Every link is your own: what it brings is counted for Northlight MSP.".into(),
            back: "#".into(),
            noted: Some("Noted: shared on LinkedIn. Thank you.".into()),
            server: MASTODON.into(),
            keep: vec![("via", "abc".into())],
            told: Some("#".into()),
            posts: vec![post(1, Placement::Linkedin), post(2, Placement::Mastodon)],
        }
    }
}
