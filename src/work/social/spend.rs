//! Money that X asks for: reserved in the database before anything is asked that costs, given back where it was certainly not charged,
//! told of at 80 and 100 percent of the month's budget, and shown. What nobody knows counts as spent.

use chrono_tz::Tz;

use super::{ACTOR, notice};
use crate::{
    domain::{
        kernel::{Error, Result, id::ExpenseId},
        social::{
            Failure, Trouble,
            spend::{EARLY_PERCENT, Usd, What, month},
        },
    },
    store::{
        audit,
        social::{
            accounts,
            spend::{self as rows, Expense, Kind},
        },
    },
    work::Context,
};

/// Whose money it is.
const NETWORK: &str = "x";

/// What is to be paid for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purchase<'p> {
    /// Who does it, for the audit.
    pub actor: &'p str,
    /// In which account; empty while it is being connected.
    pub account_id: &'p str,
    /// For which post; empty for none.
    pub post_id: &'p str,
    pub what: What,
    pub price: Usd,
}

/// What was reserved.
#[derive(Debug, Clone)]
pub(super) struct Reserved {
    id: String,
    account_id: String,
    price: Usd,
}

/// What is spent in a month, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    /// `2027-02`
    pub month: String,
    /// How much is spent.
    pub spent: Usd,
    /// Of how much, where there is a budget.
    pub budget: Option<Usd>,
    /// For what, and how often.
    pub kinds: Vec<(What, i64, Usd)>,
    /// How many more posts with a link the budget pays for.
    pub posts_left: i64,
}

impl Spending {
    /// `$3.40 of $20.00 spent; it pays for 83 more posts with a link`
    pub fn says(&self) -> String {
        let left = match self.posts_left {
            1 => "one more post with a link".to_owned(),
            0 => "no further post with a link".to_owned(),
            left => format!("{left} more posts with a link"),
        };
        match self.budget {
            Some(budget) => format!("{} of {budget} spent; it pays for {left}", self.spent),
            None => format!("{} spent; no budget is set, so people post at X", self.spent),
        }
    }

    /// The month for people: `February 2027`.
    pub fn month_name(&self) -> String {
        month_name(&self.month)
    }

    /// Whether there was the first notice of the budget, or should have been.
    pub fn is_mostly_spent(&self) -> bool {
        self.budget.is_some_and(|budget| self.spent.times(100) >= budget.times(EARLY_PERCENT))
    }

    /// `17 × a post with a link: $3.40`, for each thing that was paid for.
    pub fn lines(&self) -> Vec<String> {
        let line = |(what, count, sum): &(What, i64, Usd)| format!("{count} × {}: {sum}", what.label());
        self.kinds.iter().map(line).collect()
    }
}

/// The vendor's zone, by whose calendar months go.
fn zone(ctx: &Context) -> Tz {
    ctx.library().vendor_zone()
}

/// Reserves the price, so that no two nodes spend the same.
///
/// # Errors
/// `Unaffordable` where the month's budget does not pay for it, or there is none; `Withheld` for those of the store.
pub(super) async fn reserve(ctx: &Context, purchase: &Purchase<'_>) -> Result<Reserved, Failure> {
    let Some(budget) = ctx.settings.x.budget else {
        return Err(Failure::new(Trouble::Unaffordable, NO_BUDGET));
    };
    let now_ms = ctx.now_ms();
    let month = month(now_ms, zone(ctx));
    let id = ExpenseId::new(now_ms, &*ctx.random).to_string();
    let reserved =
        Reserved { id: id.clone(), account_id: purchase.account_id.to_owned(), price: purchase.price };
    if purchase.price == Usd::default() {
        return Ok(reserved);
    }
    let expense = Expense {
        id,
        network: NETWORK.to_owned(),
        month: month.clone(),
        at_ms: now_ms,
        account_id: purchase.account_id.to_owned(),
        post_id: purchase.post_id.to_owned(),
        what: purchase.what.as_str(),
        micros: purchase.price.as_micros(),
    };
    let done = async {
        let mut tx = ctx.db.begin().await?;
        let spent = rows::reserve(&mut tx, &expense, budget.as_micros()).await?.map(Usd::micros);
        if let Some(spent) = spent {
            let about =
                if purchase.post_id.is_empty() { String::new() } else { format!(", {}", purchase.post_id) };
            let detail = format!(
                "{} for {}{about}; {spent} of {budget} in {month}",
                purchase.price,
                purchase.what.label()
            );
            audit::record(
                &mut tx,
                now_ms,
                &*ctx.random,
                purchase.actor,
                "spend-at-x",
                purchase.account_id,
                &detail,
            )
            .await?;
        }
        tx.commit().await?;
        Ok::<_, Error>(spent)
    };
    match done.await {
        Ok(Some(_)) => Ok(reserved),
        Ok(None) => {
            tell(ctx).await;
            // Nothing was reserved, so nothing is lost if this cannot be read.
            let spent = rows::spent(&ctx.db, NETWORK, &month).await.ok().flatten();
            Err(Failure::new(
                Trouble::Unaffordable,
                format!(
                    "the month's budget for X does not pay for it: {} of {budget} is spent in {month}, and {} costs {}",
                    spent.map_or(budget, |it| Usd::micros(it.spent_micros)),
                    purchase.what.label(),
                    purchase.price
                ),
            ))
        }
        Err(error) => Err(Failure::new(Trouble::Withheld, error.public())),
    }
}

/// Why nothing is done without a budget, and how there is one.
pub(super) const NO_BUDGET: &str = "at X a person posts unless there is a budget, because its interface charges for each post: set \
    `x_budget_usd_monthly = 20.00` under [social] in the configuration, or leave out the token, with mode share_kit";

/// Gives back what was certainly not charged. What cannot be given back stays spent.
pub(super) async fn give_back(ctx: &Context, reserved: &Reserved, amount: Usd) {
    if amount == Usd::default() || reserved.price == Usd::default() {
        return;
    }
    let done = async {
        let (now_ms, mut tx) = (ctx.now_ms(), ctx.db.begin().await?);
        if rows::give_back(&mut tx, &reserved.id, amount.as_micros()).await? {
            let detail = format!("{amount} of {}", reserved.price);
            audit::record(
                &mut tx,
                now_ms,
                &*ctx.random,
                ACTOR,
                "give-back-at-x",
                &reserved.account_id,
                &detail,
            )
            .await?;
        }
        tx.commit().await
    };
    if let Err(error) = done.await {
        tracing::warn!(account = reserved.account_id, error = error.detail(), "money stays counted as spent");
    }
}

/// Whether whoever was asked to read something refused it: an answer that was lost may have been charged.
pub(super) fn was_refused(failure: &Failure) -> bool {
    failure.status.is_some_and(|status| status < 500) || failure.trouble == Trouble::Withheld
}

/// Whether nothing was charged for a post that failed so: what was refused made nothing, and what nobody knows may have.
pub(super) fn is_free(failure: &Failure) -> bool {
    failure.trouble != Trouble::Uncertain
}

/// Tells once a month at 80 percent, and once when the budget pays for no further post with a link. To be called when what was
/// reserved is used or given back: before, more seems to be spent than is. What goes wrong is done with the next expense.
pub(super) async fn tell(ctx: &Context) {
    let month = &month(ctx.now_ms(), zone(ctx));
    let done = async {
        let Some(known) = rows::spent(&ctx.db, NETWORK, month).await? else { return Ok(()) };
        let spent = Usd::micros(known.spent_micros);
        let due = ctx.settings.x.due_notice(spent).filter(|percent| known.told_percent < *percent);
        let (Some(percent), Some(budget)) = (due, ctx.settings.x.budget) else { return Ok(()) };
        let mails = notice::budget(ctx, (month, percent), (spent, budget)).await?;
        let (now_ms, mut tx) = (ctx.now_ms(), ctx.db.begin().await?);
        if rows::note_told(&mut tx, NETWORK, month, percent).await? {
            let detail = format!("{percent} percent, {spent} of {budget} in {month}");
            audit::record(&mut tx, now_ms, &*ctx.random, ACTOR, "tell-of-budget", NETWORK, &detail).await?;
            notice::enqueue(&mut tx, mails, now_ms).await?;
            // Also to whoever runs us, who alone can raise it.
            tracing::warn!(month, percent, %spent, %budget, "the budget for X is spent so far");
        }
        tx.commit().await?;
        ctx.wake.deliver.notify_one();
        Ok::<_, Error>(())
    }
    .await;
    if let Err(error) = done {
        tracing::warn!(month, error = error.detail(), "nobody could be told of the budget for X yet");
    }
}

/// What is spent at X this month; none where nothing may be, nothing was, and no account is posted in.
///
/// # Errors
/// Those of the store.
pub async fn spending(ctx: &Context) -> Result<Option<Spending>> {
    let month = month(ctx.now_ms(), zone(ctx));
    let known = rows::spent(&ctx.db, NETWORK, &month).await?;
    if ctx.settings.x.budget.is_none() && known.is_none() {
        let all = accounts::list(&ctx.db, None).await?;
        if !all.iter().any(|it| it.network == NETWORK && !it.server.is_empty()) {
            return Ok(None);
        }
    }
    let spent = known.map_or(0, |it| it.spent_micros);
    of_month(ctx, month, spent).await.map(Some)
}

/// What was spent at X in the latest months, the newest first.
///
/// # Errors
/// Those of the store.
pub async fn spending_by_month(ctx: &Context) -> Result<Vec<Spending>> {
    let mut all = Vec::new();
    for row in rows::months(&ctx.db, NETWORK).await? {
        all.push(of_month(ctx, row.month, row.spent_micros).await?);
    }
    Ok(all)
}

async fn of_month(ctx: &Context, month: String, spent_micros: i64) -> Result<Spending> {
    let (terms, spent) = (&ctx.settings.x, Usd::micros(spent_micros));
    let kind = |row: Kind| What::parse(&row.what).map(|what| (what, row.count, Usd::micros(row.micros)));
    let kinds = rows::kinds(&ctx.db, NETWORK, &month).await?.into_iter().filter_map(kind).collect();
    let price = terms.prices.post_with_link.as_micros().max(1);
    let posts_left = terms.budget.map_or(0, |budget| budget.less(spent).as_micros() / price);
    Ok(Spending { month, spent, budget: terms.budget, kinds, posts_left })
}

/// A month's name for people: `February 2027`.
pub(super) fn month_name(month: &str) -> String {
    let day = chrono::NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d");
    day.map_or_else(|_| month.to_owned(), |day| day.format("%B %Y").to_string())
}
