//! Scenes for the queue: partners, people, an issue with its audience, and its outbox.

use partnercast::{
    domain::{
        delivery::DeliveryState,
        kernel::{
            EmailAddress, Locale, Slug,
            clock::HOUR_MS,
            id::{DeliveryId, IssueId, NodeId},
        },
        partner::{BrandProfile, Contact, Partner, PartnerType, Region, Roles, Tier},
    },
    store::{
        Db, approvals,
        audience::{Decision, Included},
        issues::{self, Frozen, Issue},
        outbox::{self, Word},
        partners,
        promises::NewPromise,
        queue::{self, Claimed, Settled},
        renditions::{self, NewLink, NewPart, NewRendition, Part},
        reports::MailReport,
        running::Running,
    },
};

use super::{
    START_MS, SeededRandom,
    databases::{in_tx, rows, values},
};

/// Of the Message-IDs.
pub const DOMAIN: &str = "vendor.example";
/// How long a message of a scene is worth sending.
pub const LIFETIME_MS: i64 = 24 * HOUR_MS;

/// A partner with plain values.
pub fn partner(slug: &str) -> Partner {
    let brand: BrandProfile =
        serde_json::from_str(r##"{"primary": "#123456", "accent": "#0a7d4b", "phone": "+1 555 0100"}"##)
            .unwrap();
    Partner {
        slug: Slug::parse(slug).unwrap(),
        name: format!("{slug} & Søn"),
        partner_type: PartnerType::Msp,
        tier: Tier::Gold,
        region: Region::Emea,
        city: "Århus".to_owned(),
        zone: chrono_tz::Europe::Copenhagen,
        locale: Locale::parse("da-DK").unwrap(),
        solutions: vec!["fold-proof".to_owned()],
        countries: Vec::new(),
        leads_max: None,
        verticals: vec!["clinics".to_owned(), "law".to_owned()],
        parent: None,
        channel_manager_email: "manager@vendor.example".to_owned(),
        website: "https://partner.example/".to_owned(),
        brand,
    }
}

/// A contact of `partner` with plain values.
pub fn contact(partner: &str, email: &str) -> Contact {
    Contact {
        partner: Slug::parse(partner).unwrap(),
        name: "Ana O'Brien-Müller".to_owned(),
        email: EmailAddress::parse(email).unwrap(),
        roles: Roles::parse("sales;executive").unwrap(),
        locale: None,
        zone: None,
        lead_contact: false,
    }
}

/// An issue whose outbox can be filled.
pub struct Scene {
    /// Of everything made in it.
    pub random: SeededRandom,
    /// The issue.
    pub issue: String,
    /// Its deliveries, in the order of their contacts.
    pub deliveries: Vec<String>,
    /// Its contacts' ids, in the order of their addresses.
    pub contacts: Vec<String>,
    /// What was stored.
    pub frozen: Frozen,
}

/// The address of a scene's contact.
pub fn address(at: usize) -> String {
    format!("Reader{at:05}@northlight.example")
}

/// The key of that address.
pub fn key(at: usize) -> String {
    address(at).to_lowercase()
}

impl Scene {
    /// Stores an approved issue to `readers` people of the partner `northlight`, all promised `START_MS`.
    pub async fn approved(db: &Db, newsletter: &str, readers: usize) -> Self {
        let scene = Self::frozen(db, newsletter, readers).await;
        assert!(in_tx!(db, tx => approvals::approve(tx, &scene.issue, "Ida", START_MS)));
        scene
    }

    /// The same, not yet approved.
    pub async fn frozen(db: &Db, newsletter: &str, readers: usize) -> Self {
        // Two scenes in one database must not make the same ids.
        let random = SeededRandom::new(newsletter.bytes().fold(7, |seed, byte| seed * 31 + u64::from(byte)));
        let people: Vec<Contact> = (0..readers).map(|at| contact("northlight", &address(at))).collect();
        in_tx!(db, tx => partners::import(tx, START_MS, &random, &[partner("northlight")], &people));
        let contacts: Vec<String> =
            rows::<(String,)>(db, "SELECT id FROM contact ORDER BY email_key", vec![])
                .await
                .into_iter()
                .map(|(id,)| id)
                .take(readers)
                .collect();
        let issue = IssueId::new(START_MS, &random).to_string();
        let rendition = rendition_id(newsletter);
        let mut deliveries = Vec::new();
        let promise = promise_of(newsletter, readers);
        let decisions = contacts.iter().map(|contact| {
            let delivery = DeliveryId::new(START_MS, &random);
            deliveries.push(delivery.to_string());
            Decision {
                contact_id: contact.clone(),
                zone: "Europe/Copenhagen".to_owned(),
                because: "reads the newsletter".to_owned(),
                reason: "",
                included: Some(Included {
                    rendition_id: rendition.clone(),
                    delivery,
                    promise_id: promise.id.clone(),
                    stage: "",
                    leaves_ms: None,
                    host_issue_id: None,
                }),
            }
        });
        let decisions = decisions.collect();
        let frozen = Frozen {
            issue: Issue {
                id: issue.clone(),
                newsletter: newsletter.to_owned(),
                nominal_date: "2027-01-12".to_owned(),
                title: "Restores, not backups".to_owned(),
                content_hash: "c0ffee".to_owned(),
                state: "frozen".to_owned(),
                control: "running".to_owned(),
                held_because: Some("the first issue".to_owned()),
                paused_because: None,
                on_time_ms: 15 * 60_000,
                frozen_ms: START_MS - HOUR_MS,
                approved_by: None,
                approved_ms: None,
                approvals_needed: 1,
                released_ms: None,
                done_ms: None,
            },
            plan_hash: "9".repeat(64),
            promises: vec![promise],
            decisions,
            tells_messages: true,
            stage_wait_ms: None,
        };
        assert!(in_tx!(db, tx => issues::insert_head(tx, &frozen)));
        in_tx!(db, tx => renditions::insert(tx, START_MS, vec![rendition_of(&rendition, Some(&issue))]));
        in_tx!(db, tx => issues::insert_audience(tx, &frozen));
        Self { random, issue, deliveries, contacts, frozen }
    }

    /// Stores an approved issue and fills its outbox.
    pub async fn released(db: &Db, newsletter: &str, readers: usize) -> Self {
        let scene = Self::approved(db, newsletter, readers).await;
        let filled = in_tx!(db, tx => outbox::release(tx, &scene.issue, "", outbox::Terms { now_ms: START_MS, lifetime_ms: LIFETIME_MS, domain: DOMAIN }));
        assert_eq!(filled, Some(readers as u64));
        scene
    }

    /// A new node's id.
    pub fn node(&self) -> NodeId {
        NodeId::new(START_MS, &self.random)
    }
}

/// The promise of a scene's issue, to all its readers.
pub fn promise_of(newsletter: &str, readers: usize) -> NewPromise {
    NewPromise {
        held_back: 0,
        id: format!("prm_{newsletter}"),
        newsletter: newsletter.to_owned(),
        nominal_local: "2027-01-12T10:00".to_owned(),
        zone: "Europe/Copenhagen".to_owned(),
        reader_zone: "Europe/Copenhagen".to_owned(),
        partner_slug: "northlight".to_owned(),
        due_ms: START_MS,
        on_time_ms: 15 * 60_000,
        note: None,
        skipped: false,
        because: None,
        eligible: readers as i64,
    }
}

/// The id of a scene's one rendition.
pub fn rendition_id(newsletter: &str) -> String {
    let number = newsletter.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("rnd_{number:016x}")
}

/// A rendition with two links.
pub fn rendition_of(id: &str, issue: Option<&str>) -> NewRendition {
    NewRendition {
        id: id.to_owned(),
        issue_id: issue.map(str::to_owned),
        arm: "",
        partner_slug: "northlight".to_owned(),
        roles: "sales;executive".to_owned(),
        locale: "en".to_owned(),
        subject: "Überschrift \u{1f4e8}".to_owned(),
        sender: "news@vendor.example".to_owned(),
        body: "{\"html\": \"<p>\u{e000}0\u{e001}</p>\"}".to_owned(),
        wire: "Subject: x\r\n\r\nbody\r\n".to_owned(),
        links: vec![
            NewLink {
                target: "/read/first-24-hours?a=1&b=2".to_owned(),
                label: "Read it".to_owned(),
                asset: Some("first-24-hours".to_owned()),
            },
            NewLink { target: "https://partner.example/".to_owned(), label: "Site".to_owned(), asset: None },
        ],
        assets: vec![
            NewPart { path: "newsletters/n/i.md".to_owned(), hash: "h1".to_owned(), part: Part::Text },
            NewPart { path: "blog/a.md".to_owned(), hash: "a1".to_owned(), part: Part::Card },
        ],
        messages: vec![("restores-not-backups".to_owned(), "read watch".to_owned())],
    }
}

/// Marks up to `limit` due deliveries of an issue as being sent by `node`.
pub async fn start(db: &Db, node: NodeId, now_ms: i64, issue: &str, limit: i64) -> Vec<Claimed> {
    in_tx!(db, tx => queue::start_issue(tx, node, now_ms, issue, queue::Part::default(), limit)).leaving
}

/// The word of somebody who may approve.
pub fn word(now_ms: i64, lifetime_ms: i64) -> Word {
    Word { now_ms, lifetime_ms, may_approve: true }
}

/// An issue without stages that runs.
pub fn runs(issue: &str) -> Running {
    let newsletter = "fold-forward".to_owned();
    Running {
        id: issue.to_owned(),
        newsletter,
        on_time_ms: 15 * 60_000,
        stage_wait_ms: None,
        moved_ms: None,
        going_ms: None,
        resumed_ms: None,
    }
}

/// The result of the try that `claimed` was started for, ending in `state`.
pub fn result(claimed: &Claimed, state: DeliveryState, due_ms: Option<i64>) -> Settled {
    Settled {
        id: claimed.id.clone(),
        token: claimed.token,
        attempt: claimed.attempt,
        state,
        due_ms,
        counts: true,
        accepted_ms: (state == DeliveryState::Accepted).then_some(START_MS + 1_000),
        outcome: if state == DeliveryState::Accepted { "accepted" } else { "soft" },
        stage: Some("final-dot".to_owned()),
        code: Some(if state == DeliveryState::Accepted { 250 } else { 451 }),
        reply: "2.0.0 Ok".to_owned(),
        relay: Some("mail.vendor.example".to_owned()),
        ended_ms: START_MS + 1_000,
    }
}

/// Records results.
pub async fn settle(db: &Db, node: NodeId, results: &[Settled]) -> u64 {
    in_tx!(db, tx => queue::settle(tx, node, results)).count
}

/// What the ledger says of one delivery.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    /// Where it stands.
    pub state: String,
    /// When it is due.
    pub due_ms: i64,
    /// How often it was started.
    pub attempt: i64,
    /// How many tries counted.
    pub tries: i64,
    /// How often a process ended while it was being sent.
    pub crashes: i64,
    /// Fencing token.
    pub token: i64,
    /// Who holds it.
    pub node_id: Option<String>,
    /// What happened last.
    pub detail: Option<String>,
    /// When it was accepted.
    pub accepted_ms: Option<i64>,
}

/// What the ledger says of one delivery.
pub async fn row(db: &Db, id: &str) -> Row {
    rows::<Row>(
        db,
        "SELECT state, due_ms, attempt, tries, crashes, token, node_id, detail, accepted_ms
         FROM delivery WHERE id = $1",
        values![id],
    )
    .await
    .remove(0)
}

/// Number and outcome of each recorded try of one delivery.
pub async fn attempts(db: &Db, id: &str) -> Vec<(i64, String)> {
    rows(db, "SELECT no, outcome FROM attempt WHERE delivery_id = $1 ORDER BY no", values![id]).await
}

/// A failed bounce of `delivery`; `no` makes it a message of its own.
pub fn bounce(no: i64, delivery: Option<&str>, base_key: &str, class: &str) -> MailReport {
    MailReport {
        id: format!("rpt_{no}"),
        at_ms: START_MS + no,
        source: "imap".to_owned(),
        message_hash: format!("hash{no}"),
        kind: "bounce".to_owned(),
        class: class.to_owned(),
        action: "failed".to_owned(),
        delivery_id: delivery.map(str::to_owned),
        base_key: base_key.to_owned(),
        status: "5.1.1".to_owned(),
        diagnostic: "550 5.1.1 “no” such user".to_owned(),
        final_recipient: base_key.to_owned(),
        subject: "Undelivered".to_owned(),
        changed: delivery.is_some(),
        effect: "stopped".to_owned(),
        excerpt: "From: <>\n\nGrüße".to_owned(),
    }
}
