//! By which version of a rule everything that is kept was looked at last.

use super::{Db, Tx, sql::args};
use crate::domain::kernel::Result;

/// The version of `rule` by which everything was looked at; nothing before the first time.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn version(db: &Db, rule: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = db.opt("SELECT version FROM rule_look WHERE rule = $1", args![rule]).await?;
    Ok(row.map(|(version,)| version))
}

/// Notes that everything was looked at by `version` of `rule`.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn done(tx: &mut Tx, rule: &str, version: &str) -> Result<()> {
    tx.run(
        "INSERT INTO rule_look (rule, version) VALUES ($1, $2)
         ON CONFLICT (rule) DO UPDATE SET version = excluded.version",
        args![rule, version],
    )
    .await
    .map(|_| ())
}
