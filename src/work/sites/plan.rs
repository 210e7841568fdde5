//! What should stand on each site: the articles that the partner's page shows, as they are now.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::article::article;
use crate::{
    domain::{
        content::AssetKind,
        kernel::Result,
        site::{hash_of, slug_of},
    },
    store::{partners, recalls, site_posts, sites::Site},
    work::{
        Context, embeds,
        recall::{self, Leads},
    },
};

/// Writes down what should stand on each site; what is right already is left alone. What goes wrong with one holds up no other.
pub(super) async fn look(ctx: &Context, sites: &[Site]) {
    for site in sites {
        if let Err(error) = plan(ctx, site).await {
            tracing::error!(
                site = site.id,
                error = error.detail(),
                "nobody knows what should stand on a site"
            );
        }
    }
}

async fn plan(ctx: &Context, site: &Site) -> Result<()> {
    let library = ctx.library();
    // Before the first sync nothing is there, which says nothing of what should be.
    if library.vendor.is_none() {
        return Ok(());
    }
    let Some(partner) = partners::partner(&ctx.db, &site.partner_slug).await? else { return Ok(()) };
    let now_ms = ctx.now_ms();
    let posts = site_posts::of_site(&ctx.db, &site.id).await?;
    let is_known = |asset: &str| posts.iter().any(|post| post.asset == asset);
    let since = NaiveDate::parse_from_str(&site.since_day, "%Y-%m-%d").ok();
    let recalled: BTreeSet<String> = recalls::references(&ctx.db).await?.into_iter().collect();
    let mut wants: Vec<(&str, String)> = Vec::new();
    for asset in library.assets.iter().filter(|asset| asset.locale.is_none()) {
        let reference = asset.reference.as_str();
        let is_new_enough = is_known(reference)
            || asset.front.publish.is_some_and(|day| since.is_some_and(|since| day >= since));
        if asset.kind() != AssetKind::Blog || !is_new_enough || !embeds::is_open(&partner, asset, now_ms) {
            continue;
        }
        if recalled.contains(reference) {
            match recall::leads(&ctx.db, &library, reference).await? {
                None | Some(Leads::Itself) => {}
                Some(Leads::To(_) | Leads::Nowhere) => continue,
            }
        }
        match article(ctx, &partner, reference) {
            Ok(Some(made)) => wants.push((reference, hash_of(&made.title, &made.html))),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(
                    asset = reference,
                    site = site.id,
                    error = error.detail(),
                    "an article for a partner's site cannot be written"
                );
                // What stands there stays.
                let stays = posts.iter().find(|post| post.asset == reference);
                wants.extend(stays.map(|post| (reference, post.wanted.clone())));
            }
        }
    }
    let gone = posts.iter().filter(|post| !post.wanted.is_empty());
    let gone = gone.filter(|post| !wants.iter().any(|(reference, _)| *reference == post.asset));
    let mut changes: Vec<(&str, &str)> = gone.map(|post| (post.asset.as_str(), "")).collect();
    let differs = |(reference, hash): &&(&str, String)| {
        !posts.iter().any(|post| post.asset == *reference && post.wanted == *hash)
    };
    changes.extend(wants.iter().filter(differs).map(|(reference, hash)| (*reference, hash.as_str())));
    if changes.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.db.begin().await?;
    for (reference, hash) in changes {
        let slug = slug_of(&site.partner_slug, reference);
        site_posts::want(&mut tx, (&site.id, reference), &slug, hash, now_ms).await?;
    }
    tx.commit().await
}
