//! What a partner's people are told by mail: that a post waits for them, that one is theirs to post, and how an account fares.

use super::{content, link::PostLink, spend::month_name};
use crate::{
    domain::{
        content::{kinds::Network, vendor::Staff},
        kernel::{
            EmailAddress, Result,
            clock::{UtcMs, utc},
        },
        partner::AudienceRole,
        social::{PostState, Trouble, spend::Usd},
    },
    store::{
        Tx, partners,
        social::{Account, Post, accounts, recalled::Standing},
    },
    work::{
        Context,
        notices::{self, Ready, StaffNotice, Words},
        share,
        tokens::sha256_hex,
    },
};

/// Contacts of a partner that are told at most.
const READERS_MAX: usize = 3;

/// Puts mails into the outbox.
///
/// # Errors
/// Those of the store.
pub(super) async fn enqueue(tx: &mut Tx, mails: Vec<Ready>, now_ms: UtcMs) -> Result<()> {
    for mail in mails {
        mail.enqueue(tx, now_ms).await?;
    }
    Ok(())
}

/// What people call a network.
pub(super) fn network_label(account: &Account) -> &str {
    label(&account.network)
}

fn label(network: &str) -> &str {
    Network::parse(network).map_or(network, |network| share::placement(network).label())
}

fn staff(name: &str, email: EmailAddress) -> Staff {
    let name = if name.is_empty() { email.to_string() } else { name.to_owned() };
    Staff { name, title: String::new(), email, may: Vec::new() }
}

/// A partner's marketing contacts; without any whom its brand names, and without that the channel manager.
async fn marketing(ctx: &Context, partner: &str) -> Result<Vec<Staff>> {
    let contacts = partners::contacts_of(&ctx.db, partner).await?;
    let theirs =
        contacts.into_iter().map(|it| it.contact).filter(|it| it.roles.contains(AudienceRole::Marketing));
    let theirs: Vec<Staff> = theirs.take(READERS_MAX).map(|it| staff(&it.name, it.email)).collect();
    if !theirs.is_empty() {
        return Ok(theirs);
    }
    let known = partners::partner(&ctx.db, partner).await?;
    let named = known.as_ref().and_then(|it| EmailAddress::parse(it.brand.contact_email.as_deref()?).ok());
    match named {
        Some(email) => Ok(vec![staff("", email)]),
        None => manager(ctx, partner).await,
    }
}

/// Who looks after a partner, and has the console.
async fn manager(ctx: &Context, partner: &str) -> Result<Vec<Staff>> {
    let known = partners::partner(&ctx.db, partner).await?;
    let email = known.and_then(|it| EmailAddress::parse(&it.channel_manager_email).ok());
    Ok(email.map(|email| staff("", email)).into_iter().collect())
}

/// What a mail about an account or a post says.
struct Told {
    source: String,
    subject: String,
    heading: &'static str,
    paragraphs: Vec<String>,
    facts: Vec<(String, String)>,
    button: (String, String),
    why: &'static str,
}

fn mails(ctx: &Context, to: &[Staff], told: &Told) -> Vec<Ready> {
    let compose = |to: &Staff| {
        let notice = StaffNotice {
            source: format!("{}:{}", told.source, to.email),
            sender: None,
            to,
            words: Words {
                subject: told.subject.clone(),
                heading: told.heading.to_owned(),
                paragraphs: told.paragraphs.clone(),
                facts: told.facts.clone(),
                button: told.button.clone(),
                why: told.why.to_owned(),
            },
        };
        notices::compose_for_staff(ctx, &notice)
            .map_err(|error| {
                tracing::error!(source = told.source, error = error.detail(), "nobody can be told of a post");
            })
            .ok()
    };
    to.iter().filter_map(compose).collect()
}

/// The mails that follow from how a post stands: none while it needs nobody.
///
/// # Errors
/// Those of the store.
pub(super) async fn of_post(ctx: &Context, account: &Account, post: &Post) -> Result<Vec<Ready>> {
    let network = network_label(account);
    let content = content::read(&post.content)?;
    let (subject, heading, paragraphs, label) = match PostState::parse(&post.state) {
        Some(PostState::WaitingApproval) => (
            format!("A post for {network} waits for you"),
            "Approve a post",
            vec![
                format!("It is posted in your account {} once you approve it. If its text changes before, you are asked again.", account.handle),
                "Nothing is posted if nobody approves it within 14 days.".to_owned(),
            ],
            "See and approve it",
        ),
        Some(PostState::Kit) => (
            format!("A post for {network} to share"),
            "A post for you to share",
            vec!["Copy the text, or let the network open with it. The link is your own: what comes of it is counted for you.".to_owned()],
            "Share it",
        ),
        Some(PostState::Failed) => (
            format!("A post could not be sent to {network}: please share it yourself"),
            "A post for you to share",
            vec![
                format!("It could not be posted in your account {}: {}.", account.handle, post.because.trim_end_matches('.')),
                "Nothing more is tried by itself. Copy the text, or let the network open with it; the link is your own.".to_owned(),
            ],
            "Share it",
        ),
        _ => return Ok(Vec::new()),
    };
    let mut facts = vec![("Network".to_owned(), network.to_owned())];
    if content.text.is_empty() {
        facts.push(("About".to_owned(), post.asset.clone()));
    } else {
        facts.push(("Text".to_owned(), content.text.clone()));
        facts.push(("Link".to_owned(), content.link.clone()));
    }
    let told = Told {
        // Each content and each state once.
        source: format!(
            "social:{}:{}:{}:{}",
            post.id,
            post.state,
            &post.hash[..16.min(post.hash.len())],
            post.attempts
        ),
        subject,
        heading,
        paragraphs,
        facts,
        button: (label.to_owned(), PostLink::new(&post.id)?.path(&ctx.keys)),
        why: "You look after marketing at a partner whose posts this installation makes.",
    };
    Ok(mails(ctx, &marketing(ctx, &post.partner_slug).await?, &told))
}

/// That posts of one partner and one recall stand at networks still.
///
/// # Errors
/// Those of the store.
pub(super) async fn recalled(ctx: &Context, posts: &[Standing]) -> Result<Vec<Ready>> {
    let Some(first) = posts.first() else { return Ok(Vec::new()) };
    let managers = manager(ctx, &first.partner_slug).await?;
    let mut to = marketing(ctx, &first.partner_slug).await?;
    to.retain(|it| managers.iter().all(|other| other.email != it.email));
    to.extend(managers);
    let facts = posts.iter().map(|post| {
        let known = Some(post.remote_url.clone()).filter(|url| !url.is_empty());
        let place = known.unwrap_or_else(|| "look there: its address is not known here".to_owned());
        (format!("{} at {}", post.handle, label(&post.network)), place)
    });
    // Posts that are known of later are told of in a mail of their own.
    let ids: Vec<&str> = posts.iter().map(|post| post.id.as_str()).collect();
    let told = Told {
        source: format!("social:recalled:{}:{}", first.recall_id, &sha256_hex(ids.join(" ").as_bytes())[..16]),
        subject: format!("{} was recalled: please take posts of it away", first.asset),
        heading: "Posts of what was recalled",
        paragraphs: vec![
            format!("{} was recalled: {}.", first.asset, first.because.trim_end_matches('.')),
            "What was posted of it before stands where it is, and is not taken away by itself: please delete it there.".to_owned(),
        ],
        facts: facts.collect(),
        button: Default::default(),
        why: "You look after marketing at this partner, or look after the partner.",
    };
    Ok(mails(ctx, &to, &told))
}

/// That an account has to be connected again, or that nobody pays for it any more: told to the partner, and to who can mend it.
///
/// # Errors
/// Those of the store.
pub(super) async fn lost(
    ctx: &Context,
    account: &Account,
    (trouble, because): (Trouble, &str),
    now_ms: UtcMs,
) -> Result<Vec<Ready>> {
    let network = network_label(account);
    if trouble == Trouble::OutOfCredit {
        return by_both(ctx, account, out_of_credit(account, because, now_ms)).await;
    }
    let told = Told {
        source: format!("social:{}:lost:{now_ms}", account.id),
        subject: format!("{} at {network} has to be connected again", account.handle),
        heading: "An account has to be connected again",
        paragraphs: vec![
            format!("Its server does not let us in any more: {}.", because.trim_end_matches('.')),
            "Make a new app password or token there and connect the account with it. Posts wait for a day; then each goes to the \
             partner’s marketing contact by mail, to be shared by hand."
                .to_owned(),
        ],
        facts: about(account, network),
        button: Default::default(),
        why: "You look after marketing at this partner, or look after the partner.",
    };
    by_both(ctx, account, told).await
}

fn out_of_credit(account: &Account, because: &str, now_ms: UtcMs) -> Told {
    let network = network_label(account);
    Told {
        source: format!("social:{}:credit:{now_ms}", account.id),
        subject: format!("Nothing is posted at {network} as {}: the credit there is used up", account.handle),
        heading: "The credit at a network is used up",
        paragraphs: vec![
            format!("{network} refuses what its interface charges for: {}.", because.trim_end_matches('.')),
            format!(
                "Buy credits or raise the spending limit where the application is registered at {network}, and have the account tried \
                 on its page in the console: then it goes on. Posts wait for a day; then each goes to the partner’s marketing contact \
                 by mail, to be shared by hand."
            ),
        ],
        facts: about(account, network),
        button: Default::default(),
        why: "You look after marketing at this partner, or look after the partner.",
    }
}

/// That so many percent of a month's budget for X are spent: told to who looks after the partners that have accounts there.
///
/// # Errors
/// Those of the store.
pub(super) async fn budget(
    ctx: &Context,
    (month, percent): (&str, i64),
    (spent, budget): (Usd, Usd),
) -> Result<Vec<Ready>> {
    let mut to: Vec<Staff> = Vec::new();
    for account in accounts::list(&ctx.db, None).await? {
        if Network::parse(&account.network) != Some(Network::X) || account.server.is_empty() {
            continue;
        }
        for staff in manager(ctx, &account.partner_slug).await? {
            if to.iter().all(|other| other.email != staff.email) {
                to.push(staff);
            }
        }
    }
    let name = month_name(month);
    let (subject, heading, follows) = if percent >= 100 {
        (
            format!("The budget for X in {name} is used up"),
            "A month’s budget is used up",
            "It pays for no further post with a link. Until the month is over, each post for X goes to its partner’s marketing contact by \
             mail, to be shared by hand.",
        )
    } else {
        (
            format!("{percent} percent of the budget for X in {name} are spent"),
            "Most of a month’s budget is spent",
            "Posts go on until it pays for no further one; then each goes to its partner’s marketing contact by mail, to be shared by hand.",
        )
    };
    let told = Told {
        source: format!("social:x:budget:{month}:{percent}"),
        subject,
        heading,
        paragraphs: vec![
            format!("{spent} of {budget} are spent at X, where each post costs money."),
            follows.to_owned(),
            "Whoever runs this installation can name another amount as social.x_budget_usd_monthly in the configuration.".to_owned(),
        ],
        facts: vec![
            ("Month".to_owned(), name),
            ("Spent".to_owned(), spent.to_string()),
            ("Budget".to_owned(), budget.to_string()),
        ],
        button: ("See what was spent".to_owned(), "/console/social".to_owned()),
        why: "You look after a partner with an account at X.",
    };
    Ok(mails(ctx, &to, &told))
}

/// That an account's token ends in so many days.
///
/// # Errors
/// Those of the store.
pub(super) async fn token_ends(
    ctx: &Context,
    account: &Account,
    expires_ms: UtcMs,
    days: i64,
) -> Result<Vec<Ready>> {
    let network = network_label(account);
    let day = utc(expires_ms).format("%a %-d %b %Y, %H:%M UTC").to_string();
    let within = if days == 1 { "a day".to_owned() } else { format!("{days} days") };
    let told = Told {
        source: format!("social:{}:ends:{expires_ms}:{days}", account.id),
        subject: format!("The token of {} at {network} ends within {within}", account.handle),
        heading: "A token ends soon",
        paragraphs: vec![format!(
            "It ends on {day}. Make another one at the network and connect the account with it before; nothing else changes."
        )],
        facts: about(account, network),
        button: Default::default(),
        why: "You look after marketing at this partner, or look after the partner.",
    };
    by_both(ctx, account, told).await
}

fn about(account: &Account, network: &str) -> Vec<(String, String)> {
    vec![
        ("Network".to_owned(), network.to_owned()),
        ("Account".to_owned(), account.handle.clone()),
        ("Server".to_owned(), account.server.clone()),
        ("Partner".to_owned(), account.partner_slug.clone()),
    ]
}

/// To the partner's people, and to who looks after it with a button into the console, where they have no way.
async fn by_both(ctx: &Context, account: &Account, told: Told) -> Result<Vec<Ready>> {
    let managers = manager(ctx, &account.partner_slug).await?;
    let theirs = marketing(ctx, &account.partner_slug).await?;
    let theirs: Vec<Staff> =
        theirs.into_iter().filter(|it| managers.iter().all(|other| other.email != it.email)).collect();
    let mut all = mails(ctx, &theirs, &told);
    let button = ("See the account".to_owned(), format!("/console/social/{}", account.id));
    all.extend(mails(ctx, &managers, &Told { button, ..told }));
    Ok(all)
}
