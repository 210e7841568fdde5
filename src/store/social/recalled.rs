//! Posts that stand at their networks though their asset was recalled.

use serde::Serialize;

use crate::{
    domain::kernel::Result,
    store::{Db, Tx, sql::args},
};

/// Such a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Standing {
    /// The post.
    pub id: String,
    /// Whose.
    pub partner_slug: String,
    /// Of which asset.
    pub asset: String,
    /// At which network.
    pub network: String,
    /// In which account.
    pub handle: String,
    /// Where people read it; empty where nobody knows, or a person posted it.
    pub remote_url: String,
    /// The recall.
    pub recall_id: String,
    /// Why it was recalled.
    pub because: String,
}

/// What is to be seen of recalls `r` and posts `p` in accounts `a`: what says what was said before the recall, and is posted, was shared
/// by hand, is there by the network's word, or may have arrived.
macro_rules! standing {
    () => {
        "SELECT p.id, p.partner_slug, p.asset, a.network, a.handle, p.remote_url, r.id AS recall_id, r.because
         FROM recall r JOIN social_post p ON p.asset = r.reference JOIN social_account a ON a.id = p.account_id
         WHERE r.lifted_ms IS NULL AND (r.target IS NOT NULL OR p.ready_ms < r.recalled_ms)
           AND (p.state = 'posted' OR p.shared_ms IS NOT NULL OR p.is_there OR (p.uncertain AND p.ended_ms IS NOT NULL))"
    };
}

/// Those of one asset with a recall in force, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn of_asset(db: &Db, asset: &str) -> Result<Vec<Standing>> {
    db.all(concat!(standing!(), " AND p.asset = $1 ORDER BY p.partner_slug, p.id LIMIT 1000"), args![asset])
        .await
}

/// Those of which nobody was told yet, by partner and recall, at most 1,000.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn untold(db: &Db) -> Result<Vec<Standing>> {
    db.all(
        concat!(standing!(), " AND p.told_recall <> r.id ORDER BY p.partner_slug, r.id, p.id LIMIT 1000"),
        Vec::new(),
    )
    .await
}

/// Notes that people were told. False where that was done before.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn tell(tx: &mut Tx, post: &Standing) -> Result<bool> {
    let told = tx
        .run(
            "UPDATE social_post SET told_recall = $2 WHERE id = $1 AND told_recall <> $2",
            args![&post.id, &post.recall_id],
        )
        .await?;
    Ok(told == 1)
}
