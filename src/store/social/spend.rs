//! What is spent at networks whose interfaces cost money: reserved before anything is asked, within a month's budget.

use serde::Serialize;

use crate::{
    domain::kernel::{Result, clock::UtcMs},
    store::{Db, Tx, sql::args},
};

/// Months that are listed.
pub const MONTHS_MAX: i64 = 24;

/// Something that costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expense {
    /// The key.
    pub id: String,
    /// At which network.
    pub network: String,
    /// In which month of the vendor's: `2027-02`.
    pub month: String,
    /// When.
    pub at_ms: UtcMs,
    /// In which account; empty while it is being connected.
    pub account_id: String,
    /// For which post; empty for none.
    pub post_id: String,
    /// The word for what it is.
    pub what: &'static str,
    /// How much, in millionths of a dollar.
    pub micros: i64,
}

/// A month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Month {
    /// `2027-02`
    pub month: String,
    /// What was spent, in millionths of a dollar.
    pub spent_micros: i64,
    /// The last notice that was given, in percent.
    pub told_percent: i64,
}

/// What was spent for one kind of thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Kind {
    /// Its word.
    pub what: String,
    /// How often.
    pub count: i64,
    /// How much, in millionths of a dollar.
    pub micros: i64,
}

/// Reserves an expense where the month's `budget_micros` pay for it, and returns what is spent with it; nothing where they do not. The
/// month's row is what nodes wait for each other at, so that no two spend the same.
///
/// # Errors
/// Those of [`Tx::opt`].
pub async fn reserve(tx: &mut Tx, expense: &Expense, budget_micros: i64) -> Result<Option<i64>> {
    tx.run(
        "INSERT INTO social_month (network, month) VALUES ($1, $2) ON CONFLICT (network, month) DO NOTHING",
        args![&expense.network, &expense.month],
    )
    .await?;
    let spent: Option<(i64,)> = tx
        .opt(
            "UPDATE social_month SET spent_micros = spent_micros + $3
             WHERE network = $1 AND month = $2 AND spent_micros + $3 <= $4 RETURNING spent_micros",
            args![&expense.network, &expense.month, expense.micros, budget_micros],
        )
        .await?;
    if spent.is_some() {
        tx.run(
            "INSERT INTO social_spend (id, network, month, at_ms, account_id, post_id, what, micros)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            args![
                &expense.id,
                &expense.network,
                &expense.month,
                expense.at_ms,
                &expense.account_id,
                &expense.post_id,
                expense.what,
                expense.micros,
            ],
        )
        .await?;
    }
    Ok(spent.map(|(spent,)| spent))
}

/// Takes off again what was certainly not charged of an expense. False where it has not that much.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn give_back(tx: &mut Tx, id: &str, micros: i64) -> Result<bool> {
    let given = tx
        .run("UPDATE social_spend SET micros = micros - $2 WHERE id = $1 AND micros >= $2", args![id, micros])
        .await?;
    if given == 0 {
        return Ok(false);
    }
    tx.run(
        "UPDATE social_month SET spent_micros = spent_micros - $2
         WHERE EXISTS (SELECT 1 FROM social_spend s
                       WHERE s.id = $1 AND s.network = social_month.network AND s.month = social_month.month)",
        args![id, micros],
    )
    .await?;
    Ok(true)
}

/// What was spent in a month.
///
/// # Errors
/// Those of [`Db::opt`].
pub async fn spent(db: &Db, network: &str, month: &str) -> Result<Option<Month>> {
    db.opt(
        "SELECT month, spent_micros, told_percent FROM social_month WHERE network = $1 AND month = $2",
        args![network, month],
    )
    .await
}

/// The latest months, the newest first.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn months(db: &Db, network: &str) -> Result<Vec<Month>> {
    db.all(
        "SELECT month, spent_micros, told_percent FROM social_month WHERE network = $1 ORDER BY month DESC LIMIT $2",
        args![network, MONTHS_MAX],
    )
    .await
}

/// For what it was spent in a month; what was given back whole is not counted.
///
/// # Errors
/// Those of [`Db::all`].
pub async fn kinds(db: &Db, network: &str, month: &str) -> Result<Vec<Kind>> {
    db.all(
        "SELECT what, COUNT(*) AS count, CAST(SUM(micros) AS BIGINT) AS micros FROM social_spend
         WHERE network = $1 AND month = $2 AND micros > 0 GROUP BY what ORDER BY what LIMIT 20",
        args![network, month],
    )
    .await
}

/// Notes that there was a notice of so many percent. False where that was done before, or a later one.
///
/// # Errors
/// Those of [`Tx::run`].
pub async fn note_told(tx: &mut Tx, network: &str, month: &str, percent: i64) -> Result<bool> {
    tx.run(
        "INSERT INTO social_month (network, month) VALUES ($1, $2) ON CONFLICT (network, month) DO NOTHING",
        args![network, month],
    )
    .await?;
    let told = tx
        .run(
            "UPDATE social_month SET told_percent = $3 WHERE network = $1 AND month = $2 AND told_percent < $3",
            args![network, month, percent],
        )
        .await?;
    Ok(told == 1)
}
