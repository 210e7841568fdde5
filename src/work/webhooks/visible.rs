//! When content becomes visible to a partner, its endpoints are told: on its day at the partner's, when the partner comes to be one
//! of those whom it is for, and when what it says changes. Each partner is looked at by itself, as somebody of every role there.

use std::collections::BTreeMap;

use super::{emit_all, moments};
use crate::{
    domain::{
        content::{Library, Reader},
        kernel::{
            Result,
            clock::{UtcMs, utc},
        },
        partner::{Partner, Roles},
        webhook::Scope,
    },
    store::{contents, partners, recalls, webhooks::visible},
    work::{Context, tokens::sha256_hex},
};

/// Tells each partner what it can see since the last look.
///
/// # Errors
/// Those of the store.
pub(super) async fn tell(ctx: &Context) -> Result<()> {
    let library = ctx.library();
    if library.vendor.is_none() {
        // What is not loaded yet is not gone.
        return Ok(());
    }
    let audiences = visible::audiences(&ctx.db).await?;
    if audiences.is_empty() {
        return Ok(());
    }
    let recalled = recalls::references(&ctx.db).await?;
    for (slug, known) in audiences {
        let Some(partner) = partners::partner(&ctx.db, &slug).await? else { continue };
        let seen = seen_by(&library, &partner, &recalled, ctx.now_ms());
        if let Err(error) = tell_one(ctx, &partner, &seen, known.as_deref()).await {
            // One that cannot be told holds up nobody else.
            tracing::error!(partner = slug, error = error.detail(), "a partner is not told what it can see");
        }
    }
    Ok(())
}

/// Notes what a partner can see before the first of its endpoints is told of anything: that is no news.
///
/// # Errors
/// Those of the store.
pub(super) async fn begin(ctx: &Context, slug: &str) -> Result<()> {
    if slug.is_empty() || visible::is_told(&ctx.db, slug).await? {
        return Ok(());
    }
    let mut tx = ctx.db.begin().await?;
    visible::forget_mark(&mut tx, slug).await?;
    tx.commit().await?;
    let library = ctx.library();
    if library.vendor.is_none() {
        // The first look finds it.
        return Ok(());
    }
    let Some(partner) = partners::partner(&ctx.db, slug).await? else { return Ok(()) };
    let recalled = recalls::references(&ctx.db).await?;
    let seen = seen_by(&library, &partner, &recalled, ctx.now_ms());
    tell_one(ctx, &partner, &seen, None).await
}

/// What a partner's people can see now, each with a stamp of what it says in all languages. Mail is told when it is released, and
/// what is recalled when it is restored.
fn seen_by<'l>(
    library: &'l Library,
    partner: &Partner,
    recalled: &[String],
    now_ms: UtcMs,
) -> BTreeMap<&'l str, String> {
    let today = utc(now_ms).with_timezone(&partner.zone).date_naive();
    let reader = Reader { roles: Some(Roles::ALL), partner, locale: &partner.locale };
    let mut seen = BTreeMap::new();
    for asset in &library.assets {
        let is_open = asset.front.publish.is_none_or(|day| day <= today);
        let is_theirs = is_open && !asset.kind().is_mail() && asset.concerns(&reader);
        if is_theirs && !seen.contains_key(asset.reference.as_str()) && !recalled.contains(&asset.reference) {
            let versions = library.versions(&asset.reference).iter().map(|version| version.revision.as_str());
            let stamp = sha256_hex(versions.collect::<Vec<_>>().join(" ").as_bytes());
            seen.insert(asset.reference.as_str(), stamp);
        }
    }
    seen
}

async fn tell_one(
    ctx: &Context,
    partner: &Partner,
    seen: &BTreeMap<&str, String>,
    known: Option<&str>,
) -> Result<()> {
    let slug = partner.slug.as_str();
    let lines: Vec<String> = seen.iter().map(|(asset, stamp)| format!("{asset} {stamp}")).collect();
    let mark = sha256_hex(lines.join("\n").as_bytes());
    if known == Some(mark.as_str()) {
        return Ok(());
    }
    let before = visible::of(&ctx.db, slug).await?;
    let is_new = |(asset, stamp): &(&str, &str)| before.get(*asset).is_none_or(|known| known != stamp);
    let new: Vec<(&str, &str)> =
        seen.iter().map(|(asset, stamp)| (*asset, stamp.as_str())).filter(is_new).collect();
    let library = ctx.library();
    if !is_current(ctx, &library, &new).await? {
        return Ok(());
    }
    let now_ms = ctx.now_ms();
    let event = |asset: &str| {
        let scope = Scope::PartnerOnly(slug.to_owned());
        moments::published(&library, asset, scope, now_ms)
    };
    let events: Vec<_> = match known {
        // The first look finds what was there before.
        None => Vec::new(),
        Some(_) => new.iter().filter_map(|(asset, _)| event(asset)).collect(),
    };
    let mut tx = ctx.db.begin().await?;
    if visible::mark(&mut tx, slug, known, &mark).await? {
        visible::note(&mut tx, slug, &new, now_ms).await?;
        emit_all(&mut tx, &*ctx.random, &events).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Whether what this process shows is what was stored last: another node may have newer content, and tells of it.
async fn is_current(ctx: &Context, library: &Library, assets: &[(&str, &str)]) -> Result<bool> {
    for (asset, _) in assets {
        for version in library.versions(asset) {
            if contents::hash_of(&ctx.db, &version.path).await?.as_deref() != Some(version.revision.as_str())
            {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
