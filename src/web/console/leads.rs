//! Leads: the list, and one lead with everything that is known and why.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use super::{
    asset_title,
    lead_amounts::{self, AmountLine},
    lead_calls, lead_give,
    lead_offers::{self, OfferLine},
    signin::{Actor, OPEN},
};
use crate::{
    domain::{
        kernel::{Error, clock::DAY_MS},
        lead::LeadStage,
    },
    render::slots::escape_url_part,
    store::{
        assignments,
        lead_clocks::{self, SlaClock},
        lead_list::{self, Filter, Listed, PAGE},
        leads::{self, Lead},
        person,
    },
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{
            Choice, Fact,
            chart::{Badge, Bar},
            clock::Running,
            conflict, counted,
            lead::{self, ConsentLine, Evidence, Points, waits_for},
            when::Moment,
            words,
        },
    },
    work::{
        Context, attribution, lead_card,
        names::Names,
        person as held,
        scoring::{self, Standing},
        signin::OPERATOR,
    },
};

/// Farthest page, in leads.
const FROM_MAX: i64 = 10_000_000;
/// Longest search.
const SEARCH_CHARS_MAX: usize = 100;
/// How far back it is counted what partners were given.
const GIVEN_MS: i64 = 90 * DAY_MS;

/// The list.
#[derive(Debug, Serialize)]
pub struct ListView {
    /// `12 leads, the last changed first`
    pub text: String,
    /// By stage.
    pub pipeline: Bar,
    /// What was searched for.
    pub search: String,
    /// The partner that is shown.
    pub partner: String,
    /// The stage that is shown.
    pub stage: String,
    /// Partners to choose from.
    pub partners: Vec<Choice>,
    /// Stages to choose from.
    pub stages: Vec<Choice>,
    /// Whether anything was asked for.
    pub is_filtered: bool,
    /// The next page.
    pub more: Option<String>,
    /// Lines.
    pub leads: Vec<Line>,
    /// `3 leads wait for a partner.`, where some do.
    pub waiting: Option<String>,
    /// What partners were given of leads that none brought.
    pub given: Vec<GivenLine>,
}

/// What a partner was given.
#[derive(Debug, Serialize)]
pub struct GivenLine {
    /// The partner.
    pub partner: String,
    /// Its page.
    pub href: String,
    /// Leads.
    pub given: i64,
    /// Taken by one of its people.
    pub taken: i64,
    /// Nobody took them in time.
    pub lapsed: i64,
    /// Not wanted.
    pub turned_down: i64,
    /// The last one.
    pub last: Moment,
}

/// A lead in the list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its page.
    pub href: String,
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Partner.
    pub partner: String,
    /// Where it stands.
    pub stage: Badge,
    /// Points.
    pub score: i64,
    /// The same, drawn.
    pub bar: Bar,
    /// Grade.
    pub fit: String,
    /// Who has it.
    pub owner: String,
    /// The running clock.
    pub clock: Option<Badge>,
    /// Last change.
    pub changed: Moment,
}

/// One lead.
#[derive(Debug, Serialize)]
pub struct View {
    /// Where it stands.
    pub stage: Badge,
    /// Name and company; that they were erased, then.
    pub who: String,
    /// Why it stands there.
    pub because: String,
    /// Whose times they are.
    pub times: String,
    /// Who can do something about it; nothing for a lead that no partner has, or of which nothing is left.
    pub levers: Option<String>,
    /// That another partner knows the person, too.
    pub conflict: Option<conflict::Note>,
    /// To whom it may be given; nothing for a lead that a partner has.
    pub give: Option<lead_give::View>,
    /// All clocks.
    pub clocks: Vec<Running>,
    /// What happened.
    pub steps: Vec<Step>,
    /// What they did.
    pub events: Vec<Evidence>,
    /// Who they are.
    pub facts: Vec<Fact>,
    /// Points.
    pub score: i64,
    /// Grade.
    pub fit: String,
    /// What they are said to be worth, and what is credited with it; newest first.
    pub amounts: Vec<AmountLine>,
    /// What gave points.
    pub score_lines: Vec<Points>,
    /// To whom it was offered.
    pub offers: Vec<OfferLine>,
    /// What they agreed to, at any partner.
    pub consents: Vec<Consent>,
    /// Whether nothing of the person is left.
    pub is_erased: bool,
    /// Everything that is held of them, as a file.
    pub export: String,
    /// Where their erasure is asked for; none for who may not.
    pub erase: Option<String>,
}

/// A consent, with whom it names.
#[derive(Debug, Serialize)]
pub struct Consent {
    /// Yes or no, when, in which words.
    pub line: ConsentLine,
    /// What for.
    pub purpose: String,
    /// The partner that it names, and how the person came.
    pub source: String,
}

/// A step.
#[derive(Debug, Serialize)]
pub struct Step {
    /// What happened.
    pub what: String,
    /// When.
    pub at: Moment,
    /// By whom.
    pub actor: String,
    /// The stage reached.
    pub stage: String,
}

/// What of the list was asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    partner: String,
    stage: String,
    from: i64,
}

/// `GET /console/leads`
pub async fn list(State(ctx): State<Arc<Context>>, Query(asked): Query<Asked>) -> Answer {
    let search: String = asked.q.trim().chars().take(SEARCH_CHARS_MAX).collect();
    let from = asked.from.clamp(0, FROM_MAX);
    let filter = Filter { search: search.clone(), partner: asked.partner, stage: asked.stage };
    let by_stage = lead_list::by_stage(&ctx.db, &filter).await?;
    let mut found = Vec::new();
    for listed in lead_list::page(&ctx.db, &filter, from).await? {
        let standing = scoring::assess(&ctx, &listed.lead, None).await?;
        found.push((listed, standing));
    }
    let clocks = lead_clocks::running(&ctx.db).await?;
    let names = Names::load(&ctx.db).await?;
    let most = found.iter().map(|(_, standing)| i64::from(standing.score.points)).max().unwrap_or(0).max(100);
    let waiting = assignments::waiting_count(&ctx.db).await?;
    let count: i64 = by_stage.iter().map(|(_, count)| count).sum();
    let all_partners = names.all().map(|(slug, name)| Choice::new(slug, name));
    let all_stages = LeadStage::ALL.iter().map(|stage| Choice::new(stage.as_str(), stage.label()));
    let view = ListView {
        waiting: (waiting > 0).then(|| {
            format!(
                "{} for a partner.",
                counted(usize::try_from(waiting).unwrap_or(0), "lead waits", "leads wait")
            )
        }),
        given: given(&ctx, &names).await?,
        text: format!(
            "{}, the last changed first.",
            counted(usize::try_from(count).unwrap_or(0), "lead", "leads")
        ),
        pipeline: pipeline(&by_stage),
        more: (from + PAGE < count).then(|| {
            let words = [("q", &search), ("partner", &filter.partner), ("stage", &filter.stage)];
            let words: Vec<String> =
                words.iter().map(|(key, word)| format!("{key}={}", escape_url_part(word))).collect();
            format!("/console/leads?{}&from={}", words.join("&"), from + PAGE)
        }),
        partners: std::iter::once(Choice::new("", "All partners")).chain(all_partners).collect(),
        stages: std::iter::once(Choice::new("", "All stages")).chain(all_stages).collect(),
        is_filtered: !(search.is_empty() && filter.partner.is_empty() && filter.stage.is_empty()),
        search,
        partner: filter.partner,
        stage: filter.stage,
        leads: found
            .into_iter()
            .map(|(listed, standing)| {
                let Listed { lead, offered_to, purpose } = listed;
                let clock = clocks.iter().find(|clock| clock.lead_id == lead.id);
                let mut line = line(&ctx, lead, &standing, (clock, most), &names);
                if let Some(name) = offered_to {
                    line.owner = waits_for(&name, purpose.as_deref().unwrap_or_default());
                }
                line
            })
            .collect(),
    };
    respond::page(&ctx, "console/leads", &Frame::new(&ctx, Area::Console, "Leads", "/console/leads"), &view)
}

/// What partners were given lately.
async fn given(ctx: &Context, names: &Names) -> crate::domain::kernel::Result<Vec<GivenLine>> {
    let all = assignments::fairness(&ctx.db, ctx.now_ms() - GIVEN_MS).await?;
    let zone = frame::vendor(ctx).1;
    let line = |it: assignments::Fairness| GivenLine {
        href: format!("/console/partners/{}", it.partner_slug),
        partner: names.of(&it.partner_slug).to_owned(),
        given: it.given,
        taken: it.taken,
        lapsed: it.lapsed,
        turned_down: it.turned_down,
        last: Moment::short(it.last_ms, zone),
    };
    Ok(all.into_iter().map(line).collect())
}

/// Leads by stage as one bar.
fn pipeline(by_stage: &[(String, i64)]) -> Bar {
    let count = |stages: &[LeadStage]| -> i64 {
        let is_one = |word: &str| LeadStage::parse(word).is_some_and(|stage| stages.contains(&stage));
        by_stage.iter().filter(|(word, _)| is_one(word)).map(|(_, count)| count).sum()
    };
    use LeadStage as S;
    Bar::of(&[
        ("", "being nurtured", count(&[S::Inquiry, S::Nurturing, S::Recycled])),
        ("warn", "qualified and offered", count(&[S::Mql, S::Offered])),
        ("brand", "accepted and worked", count(&[S::Sal, S::Contacted, S::Sql, S::DealRegistered])),
        ("good", "won", count(&[S::Won])),
        ("bad", "turned down or lost", count(&[S::Rejected, S::Expired, S::Disqualified, S::Lost])),
    ])
}

fn line(
    ctx: &Context,
    lead: Lead,
    standing: &Standing,
    (clock, most): (Option<&SlaClock>, i64),
    names: &Names,
) -> Line {
    let (now_ms, score) = (ctx.now_ms(), i64::from(standing.score.points));
    Line {
        href: format!("/console/leads/{}", lead.id),
        stage: lead::standing(&lead),
        bar: Bar::single("brand", format!("{score} points"), score, most),
        owner: lead.owner_name.unwrap_or_else(|| "nobody yet".to_owned()),
        clock: clock.map(|clock| lead::left_badge(clock.started_ms, clock.due_ms, now_ms)),
        changed: Moment::short(lead.updated_ms, frame::vendor(ctx).1),
        name: lead.name,
        company: lead.company,
        partner: match lead.partner_slug.as_str() {
            "" => "no partner yet".to_owned(),
            slug => names.of(slug).to_owned(),
        },
        score,
        fit: standing.fit.grade.as_str().to_owned(),
    }
}

/// `GET /console/leads/{id}`
pub async fn page(State(ctx): State<Arc<Context>>, Actor(actor): Actor, Path(id): Path<String>) -> Answer {
    let card = lead_card::card(&ctx, &id).await?;
    let consents = person::consents(&ctx.db, &card.lead.email_key).await?;
    let (_, zone) = frame::vendor(&ctx);
    let now_ms = ctx.now_ms();
    let names = Names::load(&ctx.db).await?;
    let lead = card.lead;
    let is_erased = person::is_erased(&lead.email);
    let view = View {
        stage: lead::standing(&lead),
        because: lead.because.clone(),
        levers: lead_give::levers(&ctx, &card.partner, is_erased || lead.partner_slug.is_empty()),
        times: format!(
            "All times are those of {}; clocks count the working hours of whoever has the lead.",
            zone.name()
        ),
        conflict: card
            .conflict
            .as_ref()
            .map(|(case, party)| conflict::note(case, party, Some("/console/conflicts/"))),
        give: lead_give::view(&ctx, &lead).await?,
        clocks: card.clocks.iter().map(|clock| Running::of(clock, zone, now_ms)).collect(),
        steps: card
            .steps
            .into_iter()
            .map(|step| Step {
                what: step.what,
                at: Moment::full(step.at_ms, zone),
                actor: step.actor,
                stage: lead::stage(&step.stage).text,
            })
            .collect(),
        events: card
            .events
            .iter()
            .map(|event| {
                lead::evidence(event, event.asset.as_deref().and_then(|asset| asset_title(&ctx, asset)), zone)
            })
            .collect(),
        facts: facts(&ctx, &lead, &card.partner.name, is_erased)
            .into_iter()
            .chain(lead::answered(&ctx.library(), &card.answers))
            .collect(),
        is_erased,
        amounts: lead_amounts::of(&ctx, &card.amounts, &attribution::trail(&ctx, &id).await?, &names, zone)?,
        score: i64::from(card.standing.score.points),
        fit: card.standing.fit.grade.as_str().to_owned(),
        score_lines: lead::score_lines(&card.standing.score.lines, zone),
        offers: lead_calls::lines(&ctx, &id, &names, zone)
            .await?
            .into_iter()
            .chain(card.offers.into_iter().map(|offer| lead_offers::line(offer, zone)))
            .collect(),
        consents: consents.into_iter().map(|agreed| consent(agreed, &names, zone)).collect(),
        export: format!("/console/leads/{id}/person.json"),
        erase: may_erase(&actor).then(|| format!("/console/leads/{id}/erase")),
        who: if is_erased {
            "Somebody who was erased".to_owned()
        } else {
            format!("{}, {}", lead.name, lead.company)
        },
    };
    let frame = Frame::new(&ctx, Area::Console, view.who.clone(), "/console/leads");
    respond::page(&ctx, "console/lead", &frame, &view)
}

fn consent(agreed: person::Agreed, names: &Names, zone: chrono_tz::Tz) -> Consent {
    let partner = names.of(&agreed.partner_slug);
    let source = if agreed.origin.is_empty() {
        format!("to {partner}")
    } else {
        // How the lead came first, which need not be how it came to agree to this.
        format!("to {partner}, whose lead came first by: {}", agreed.origin)
    };
    let source = if agreed.locale.is_empty() { source } else { format!("{source}, in {}", agreed.locale) };
    let line = leads::Consent {
        at_ms: agreed.at_ms,
        text_id: agreed.text_id,
        text_version: agreed.text_version,
        wording: agreed.wording,
        granted: agreed.granted,
        stands: agreed.granted,
    };
    Consent { line: ConsentLine::of(&line, zone), purpose: words(&agreed.purpose), source }
}

/// What cannot be undone is the operator's.
fn may_erase(actor: &str) -> bool {
    [OPEN, OPERATOR].contains(&actor)
}

/// `GET /console/leads/{id}/person.json`
pub async fn export(State(ctx): State<Arc<Context>>, Path(id): Path<String>) -> Answer {
    let lead = leads::lead(&ctx.db, &id).await?.ok_or_else(|| Error::not_found("this lead"))?;
    let all = held::export(&ctx.db, &lead.email).await?;
    let text = serde_json::to_vec_pretty(&all).map_err(|error| Error::internal("JSON").because(error))?;
    Ok(respond::attachment("application/json", "person.json", text))
}

/// That a person is sure.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sure {
    sure: String,
}

/// `POST /console/leads/{id}/erase`
pub async fn erase(
    State(ctx): State<Arc<Context>>,
    Actor(actor): Actor,
    Path(id): Path<String>,
    Body(sure): Body<Sure>,
) -> Answer {
    if !may_erase(&actor) {
        return Err(Error::denied("only the operator may erase a person").into());
    }
    if sure.sure != "yes" {
        return Err(Error::invalid("tick the box that says you are sure; nothing was changed").into());
    }
    let lead = leads::lead(&ctx.db, &id).await?.ok_or_else(|| Error::not_found("this lead"))?;
    held::erase(&ctx, &lead.email, &actor).await?;
    ctx.figures.forget();
    Ok(respond::see_other(&format!("/console/leads/{id}")))
}

fn facts(ctx: &Context, lead: &Lead, partner: &str, is_erased: bool) -> Vec<Fact> {
    let some = |text: &Option<String>| text.clone().map_or("–".to_owned(), |text| words(&text));
    vec![
        Fact::new("Email", if is_erased { "–" } else { &lead.email }),
        Fact::new("Phone", lead.phone.clone().unwrap_or_else(|| "–".to_owned())),
        Fact::new("Role", some(&lead.job_role)),
        Fact::new("Company size", lead.company_size.clone().unwrap_or_else(|| "–".to_owned())),
        Fact::new("Partner", partner),
        Fact::new("Owner", lead.owner_name.clone().unwrap_or_else(|| "nobody yet".to_owned())),
        Fact::new("Came by", &lead.origin),
        Fact::new("First asset", asset_title(ctx, &lead.asset).unwrap_or_else(|| lead.asset.clone())),
    ]
}

/// The leads of one partner, for its page.
pub async fn of_partner(ctx: &Context, slug: &str) -> crate::domain::kernel::Result<Vec<Line>> {
    let all = scoring::recent(ctx, Some(slug)).await?;
    let names = Names::load(&ctx.db).await?;
    Ok(all
        .into_iter()
        .take(50)
        .map(|(lead, standing)| line(ctx, lead, &standing, (None, 100), &names))
        .collect())
}

#[cfg(test)]
#[path = "leads_samples.rs"]
mod samples;
