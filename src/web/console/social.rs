//! Partners' accounts at social networks: the list, and the form that connects one.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{signin::Actor, suppressions::Notice};
use crate::{
    domain::{
        content::kinds::Network,
        kernel::{Error, Kind, Result, clock::DAY_MS, clock::UtcMs},
        social::Mode,
    },
    store::{
        partners,
        social::{Account, accounts},
    },
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{
            Choice,
            chart::{Badge, Bar},
            counted,
            when::Moment,
        },
    },
    work::{
        Context, share,
        social::{self, Invite, Order, Spending},
    },
};

/// Where it is.
pub(super) const PATH: &str = "/console/social";
/// From when on a token's end is a warning.
const ENDS_SOON_MS: i64 = 14 * DAY_MS;

/// The page.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// `2 accounts`
    pub text: String,
    /// What was just done, or what was wrong.
    pub notice: Option<Notice>,
    /// The accounts.
    pub lines: Vec<Line>,
    /// Whose it may be.
    pub partners: Vec<Choice>,
    /// Networks.
    pub networks: Vec<Choice>,
    /// Modes.
    pub modes: Vec<Choice>,
    /// What was typed, without the secret.
    pub typed: Typed,
    /// What is spent at X this month; none where nothing may be and nothing was.
    pub spending: Option<Spent>,
    /// The link of an invitation that was just made.
    pub invitation: Option<String>,
    /// Invitations that may still be followed.
    pub invited: Vec<Open>,
}

/// An invitation that may still be followed.
#[derive(Debug, Serialize)]
pub struct Open {
    /// Where it is withdrawn.
    pub action: String,
    /// Whose account.
    pub partner: String,
    /// At which server, without `https://`.
    pub server: String,
    /// Who made it.
    pub by: String,
    /// Until when.
    pub until: Moment,
}

/// What is spent in a month.
#[derive(Debug, Serialize)]
pub struct Spent {
    /// `February 2027`
    pub month: String,
    /// `$3.40 of $20.00 spent; …`
    pub text: String,
    /// The same, drawn; none without a budget.
    pub bar: Option<Bar>,
    /// For what.
    pub lines: Vec<String>,
}

impl Spent {
    fn new(spending: &Spending) -> Self {
        let tone = match spending.posts_left {
            0 => "bad",
            _ if spending.is_mostly_spent() => "warn",
            _ => "good",
        };
        let bar = spending
            .budget
            .map(|budget| Bar::single(tone, spending.says(), spending.spent.as_micros(), budget.as_micros()));
        Self { month: spending.month_name(), text: spending.says(), bar, lines: spending.lines() }
    }
}

/// An account in a list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its page.
    pub href: String,
    /// As people know it.
    pub handle: String,
    /// `Bluesky`
    pub network: String,
    /// Whose.
    pub partner: String,
    /// What is done with what is new.
    pub mode: &'static str,
    /// How it stands.
    pub state: Badge,
    /// Why, or when its token ends.
    pub because: String,
    /// When it last worked.
    pub worked: Option<Moment>,
}

/// The form.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Typed {
    partner: String,
    network: String,
    server: String,
    account: String,
    mode: String,
    expires: String,
    #[serde(skip_serializing)]
    secret: String,
    client: String,
}

/// What stands in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
    partner: String,
}

/// `GET /console/social`
pub async fn list(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>) -> Answer {
    let text = match asked.done.as_str() {
        "disconnect" => {
            Some("Disconnected. Its password or token is forgotten, and what was not sent is not.")
        }
        "withdraw" => Some("Withdrawn. The link connects nothing any more."),
        _ => None,
    };
    let notice = text.map(|text| Notice { tone: "good", text: text.to_owned() });
    let typed = Typed { partner: asked.partner, ..Typed::default() };
    show(&ctx, typed, notice, None).await
}

async fn show(ctx: &Context, typed: Typed, notice: Option<Notice>, invitation: Option<String>) -> Answer {
    let (_, zone) = frame::vendor(ctx);
    let all = partners::all_partners(&ctx.db).await?;
    let name = |slug: &str| {
        all.iter()
            .find(|partner| partner.slug.as_str() == slug)
            .map_or(slug, |it| it.name.as_str())
            .to_owned()
    };
    let accounts = accounts::list(&ctx.db, None).await?;
    let now_ms = ctx.now_ms();
    let lines: Vec<Line> = accounts.iter().map(|it| line(it, name(&it.partner_slug), zone, now_ms)).collect();
    let networks =
        Network::WORDS.iter().map(|(word, network)| Choice::new(word, share::placement(*network).label()));
    let invited = social::open_invitations(ctx, None).await?;
    let invited = invited.into_iter().map(|it| Open {
        action: format!("{PATH}/invitations/{}/withdraw", it.id),
        partner: name(&it.partner_slug),
        server: it.server.trim_start_matches("https://").to_owned(),
        by: it.made_by,
        until: Moment::short(it.ends_ms, zone),
    });
    let view = ListView {
        text: counted(lines.len(), "account", "accounts"),
        notice,
        lines,
        partners: all.iter().map(|partner| Choice::new(partner.slug.as_str(), &partner.name)).collect(),
        networks: networks.collect(),
        modes: modes(),
        typed,
        spending: social::spending(ctx).await?.as_ref().map(Spent::new),
        invitation,
        invited: invited.collect(),
    };
    respond::page(ctx, "console/social", &Frame::new(ctx, Area::Console, "Social accounts", PATH), &view)
}

/// Modes to choose from.
pub(super) fn modes() -> Vec<Choice> {
    Mode::ALL.iter().map(|mode| Choice::new(mode.as_str(), mode_label(*mode))).collect()
}

pub(super) fn mode_label(mode: Mode) -> &'static str {
    match mode {
        Mode::Auto => "posted by itself",
        Mode::Approve => "posted once approved",
        Mode::ShareKit => "mailed to be shared",
    }
}

/// The accounts of one partner, for its page.
///
/// # Errors
/// Those of the store.
pub(super) async fn of_partner(ctx: &Context, slug: &str) -> Result<Vec<Line>> {
    let (_, zone) = frame::vendor(ctx);
    let all = accounts::list(&ctx.db, Some(slug)).await?;
    Ok(all.iter().map(|account| line(account, String::new(), zone, ctx.now_ms())).collect())
}

fn line(account: &Account, partner: String, zone: Tz, now_ms: UtcMs) -> Line {
    Line {
        href: format!("{PATH}/{}", account.id),
        handle: account.handle.clone(),
        network: network_label(&account.network),
        partner,
        mode: Mode::parse(&account.mode).map_or("", mode_label),
        state: badge(account, now_ms),
        because: because(account, zone, now_ms),
        worked: account.worked_ms.map(|at_ms| Moment::short(at_ms, zone)),
    }
}

/// What people call a network.
pub(super) fn network_label(word: &str) -> String {
    Network::parse(word).map_or(word, |network| share::placement(network).label()).to_owned()
}

fn ends_soon(account: &Account, now_ms: UtcMs) -> Option<UtcMs> {
    account.expires_ms.filter(|at_ms| at_ms - now_ms <= ENDS_SOON_MS)
}

/// How an account stands, in a word.
pub(super) fn badge(account: &Account, now_ms: UtcMs) -> Badge {
    match account.state.as_str() {
        "active" if account.rest_ms > now_ms => Badge::new("warn", "waits"),
        "active" if ends_soon(account, now_ms).is_some() => Badge::new("warn", "token ends"),
        "active" => Badge::new("good", "active"),
        "needs_reconnect" => Badge::new("bad", "connect again"),
        state => Badge::new("", state),
    }
}

/// Why it stands so; nothing for one that works.
pub(super) fn because(account: &Account, zone: Tz, now_ms: UtcMs) -> String {
    match (account.state.as_str(), ends_soon(account, now_ms)) {
        ("active", _) if account.rest_ms > now_ms => {
            format!("its server wants to be left alone until {}", Moment::short(account.rest_ms, zone).text)
        }
        ("active", Some(at_ms)) => format!("on {}", Moment::full(at_ms, zone).text),
        ("active", None) => String::new(),
        _ => account.because.clone(),
    }
}

/// `POST /console/social`
pub async fn connect(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Body(typed): Body<Typed>,
) -> Answer {
    let order = Order {
        partner: typed.partner.clone(),
        network: typed.network.clone(),
        server: typed.server.clone(),
        identifier: typed.account.clone(),
        secret: typed.secret.clone(),
        client: typed.client.clone(),
        mode: typed.mode.clone(),
        expires: typed.expires.clone(),
        invitation: None,
    };
    // To its end, whoever goes away meanwhile: it may bring tokens that are to be had once.
    let work = {
        let (ctx, actor) = (ctx.clone(), actor.clone());
        async move { social::connect(&ctx, &actor, &order).await }
    };
    match tokio::spawn(work).await.map_err(|error| Error::internal("connecting").because(error))? {
        Ok(connected) => {
            let done = if connected.is_known { "again" } else { "connect" };
            Ok(respond::see_other(&format!("{PATH}/{}?done={done}", connected.id)))
        }
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Unavailable) => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(&ctx, typed, Some(notice), None).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /console/social/invite`
pub async fn invite(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Body(typed): Body<Typed>,
) -> Answer {
    let invite =
        Invite { partner: typed.partner.clone(), server: typed.server.clone(), mode: typed.mode.clone() };
    match social::invite(&ctx, &actor, &invite).await {
        Ok(link) => {
            let text = "The invitation is made: give the link to whoever has the account.".to_owned();
            show(&ctx, typed, Some(Notice { tone: "good", text }), Some(link)).await
        }
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Unavailable) => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(&ctx, typed, Some(notice), None).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /console/social/invitations/{id}/withdraw`
pub async fn withdraw(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Path(id): Path<String>,
) -> Answer {
    match social::withdraw(&ctx, &actor, &id).await {
        Ok(()) => Ok(respond::see_other(&format!("{PATH}?done=withdraw#invite"))),
        Err(error) if error.kind() == Kind::Conflict => {
            let notice = Notice { tone: "bad", text: error.public().to_owned() };
            show(&ctx, Typed::default(), Some(notice), None).await
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
impl Line {
    /// One that works and one that does not.
    pub fn samples() -> Vec<Self> {
        let line = |handle: &str, state: Badge, because: &str| Self {
            href: "#".into(),
            handle: handle.into(),
            network: "Bluesky".into(),
            partner: "Northlight MSP".into(),
            mode: "posted once approved",
            state,
            because: because.into(),
            worked: Some(Moment::short(1_799_744_700_000, chrono_tz::Europe::Oslo)),
        };
        vec![
            line("northlight.example", Badge::new("good", "active"), ""),
            line(
                "@a-very-long-name-of-an-account@mastodon.northlight.example",
                Badge::new("bad", "connect again"),
                "Invalid identifier or password <b>",
            ),
        ]
    }
}

#[cfg(test)]
impl ListView {
    /// Two accounts, or none.
    pub fn sample(some: bool) -> Self {
        Self {
            text: if some { "2 accounts" } else { "0 accounts" }.into(),
            notice: some
                .then(|| Notice { tone: "bad", text: "https://pds.example does not let us in".into() }),
            lines: if some { Line::samples() } else { Vec::new() },
            partners: vec![Choice::new("northlight", "Northlight MSP")],
            networks: vec![Choice::new("bluesky", "Bluesky")],
            modes: modes(),
            typed: Typed { account: "northlight.example".into(), ..Typed::default() },
            spending: some.then(|| Spent {
                month: "January 2027".into(),
                text: "$3.41 of $20.00 spent; it pays for 82 more posts with a link".into(),
                bar: Some(Bar::single("good", "$3.41 of $20.00 spent".into(), 341, 2_000)),
                lines: vec![
                    "17 × a post with a link: $3.40".into(),
                    "1 × asking whose a token is: $0.01".into(),
                ],
            }),
            invitation: some.then(|| "https://cast.example/connect/abc.def".into()),
            invited: some
                .then(|| Open {
                    action: "#".into(),
                    partner: "Northlight MSP".into(),
                    server: "a-very-long-name-of-a-server.social.northlight.example".into(),
                    by: "ana <b>".into(),
                    until: Moment::short(1_799_744_700_000, chrono_tz::Europe::Oslo),
                })
                .into_iter()
                .collect(),
        }
    }
}
