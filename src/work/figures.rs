//! What the console's pages count, shared by all who look at them: at most a moment old, asked for once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    context::Context,
    fresh::{Fresh, MOMENT},
    kept::{self, Occurrence},
    messages::{self, Coverage},
    unkept,
    upcoming::{self, Upcoming},
};
use crate::{
    domain::{
        delivery::{
            DeliveryState,
            pace::{Pace, Rate},
        },
        kernel::Result,
    },
    store::{
        audience::{self, StageCount},
        dead_letters, deliveries,
        events::{self, Clicks, Event, OfSubject},
        issues::{self, Issue},
        lead_clocks::{self, SlaClock},
        leads,
        let_down::Silenced,
        partners,
        progress::{self, Later, Site},
        promises::{self, Promise},
    },
};

/// The promises of an issue that is over change only when a person has something sent again.
const OVER: Duration = Duration::from_secs(15);
/// Whom messages were told changes when an issue has ended.
const COVERAGE: Duration = OVER;
/// Issues whose pace is remembered at most.
const PACES_MAX: usize = 64;
/// For so many days a broken promise is an alarm.
const BROKEN_DAYS: i64 = 7;
/// Promises ahead that are shown, of each newsletter.
const AHEAD: usize = 3;

/// The shared figures.
#[derive(Default)]
pub struct Figures {
    counts: Fresh<Vec<(DeliveryState, i64)>>,
    promises: Fresh<Vec<Promise>>,
    details: Fresh<Details>,
    overview: Fresh<Overview>,
    cities: Fresh<BTreeMap<String, Vec<String>>>,
    coverage: Fresh<Vec<Coverage>>,
    paces: Mutex<HashMap<String, Pace>>,
}

/// What takes longer to count of an issue.
#[derive(Debug, Default)]
pub struct Details {
    /// Clicks by people and machines.
    pub clicks: Clicks,
    /// Those by machines, by how that is known, the most first.
    pub machines: Vec<(String, i64)>,
    /// Classes of those tried and not accepted.
    pub classes: Vec<(String, i64)>,
    /// The sites with most messages.
    pub sites: Vec<Site>,
    /// What is not due yet.
    pub later: Later,
    /// How far its stages have come, if it has any.
    pub stages: Vec<StageCount>,
    /// What its two subjects came to, if it has two.
    pub subjects: Vec<OfSubject>,
}

/// What the overview shows beside the issues' own figures.
pub struct Overview {
    /// Issues, latest promise first.
    pub issues: Vec<Issue>,
    /// The latest leads.
    pub leads: Vec<leads::Lead>,
    /// Clocks that run.
    pub clocks: Vec<SlaClock>,
    /// The latest events.
    pub events: Vec<Event>,
    /// Deliveries not in a final state.
    pub unfinished: i64,
    /// Promises ahead.
    pub upcoming: Vec<Upcoming>,
    /// What was promised lately, as the ledger has it.
    pub kept: Vec<Occurrence>,
    /// Promises of the last days that were broken, or are about to be: newsletter and date.
    pub broken: Vec<(String, Occurrence)>,
    /// How many messages of those issues wait for a person.
    pub for_a_person: BTreeMap<String, i64>,
    /// Issues that reach nobody because of limits.
    pub silenced: Vec<Silenced>,
}

impl Figures {
    /// How many deliveries of an issue stand where.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn counts(&self, ctx: &Context, issue_id: &str) -> Result<Arc<Vec<(DeliveryState, i64)>>> {
        let ask = || async {
            let counts = deliveries::counts(&ctx.db, issue_id).await?;
            self.note(ctx, issue_id, &counts);
            Ok(counts)
        };
        self.counts.get(issue_id, MOMENT, ask).await
    }

    /// How fast messages of an issue are accepted, as far as somebody looked on.
    pub fn rate(&self, issue_id: &str) -> Option<Rate> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner).get(issue_id).and_then(Pace::rate)
    }

    fn note(&self, ctx: &Context, issue_id: &str, counts: &[(DeliveryState, i64)]) {
        let accepted =
            counts.iter().find(|(state, _)| *state == DeliveryState::Accepted).map_or(0, |(_, count)| *count);
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= PACES_MAX && !paces.contains_key(issue_id) {
            paces.clear();
        }
        paces.entry(issue_id.to_owned()).or_default().note(ctx.clock.machine_ms(), accepted);
    }

    /// How the promises of an issue went, by zone in order of time.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn promises(&self, ctx: &Context, issue: &Issue) -> Result<Arc<Vec<Promise>>> {
        let over = matches!(issue.state.as_str(), "done" | "cancelled");
        let ask = || promises::of_issue(&ctx.db, &issue.id);
        self.promises.get(&issue.id, if over { OVER } else { MOMENT }, ask).await
    }

    /// Clicks, classes and sites of an issue.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn details(&self, ctx: &Context, issue_id: &str) -> Result<Arc<Details>> {
        let ask = || async {
            Ok(Details {
                clicks: events::clicks_of_issue(&ctx.db, issue_id).await?,
                machines: events::machine_clicks_of_issue(&ctx.db, issue_id).await?,
                classes: progress::classes(&ctx.db, issue_id).await?,
                sites: progress::sites(&ctx.db, issue_id).await?,
                later: progress::later(&ctx.db, issue_id, ctx.now_ms()).await?,
                stages: audience::stages(&ctx.db, issue_id).await?,
                subjects: events::of_subjects(&ctx.db, issue_id).await?,
            })
        };
        self.details.get(issue_id, MOMENT, ask).await
    }

    /// What the overview shows.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn overview(&self, ctx: &Context) -> Result<Arc<Overview>> {
        let ask = || async {
            let mut broken = kept::broken(ctx, BROKEN_DAYS).await?;
            for (_, occurrence) in broken.iter_mut().filter(|(_, it)| it.because.is_none()) {
                let Some(id) = &occurrence.issue_id else { continue };
                let Some(issue) = issues::issue(&ctx.db, id).await? else { continue };
                occurrence.because = unkept::in_the_way(ctx, &issue).await?;
            }
            let issues: Vec<&str> = broken.iter().filter_map(|(_, it)| it.issue_id.as_deref()).collect();
            Ok(Overview {
                for_a_person: dead_letters::of_issues(&ctx.db, &issues).await?,
                issues: issues::recent(&ctx.db).await?,
                leads: leads::recent(&ctx.db, None).await?,
                clocks: lead_clocks::running(&ctx.db).await?,
                events: events::recent(&ctx.db).await?,
                unfinished: deliveries::unfinished(&ctx.db).await?,
                upcoming: upcoming::upcoming(ctx, AHEAD).await?,
                kept: kept::lately(ctx).await?,
                broken,
                silenced: kept::silenced(&ctx.db, ctx.now_ms(), BROKEN_DAYS).await?,
            })
        };
        self.overview.get("", MOMENT, ask).await
    }

    /// The partners' cities by zone, three at most.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn cities(&self, ctx: &Context) -> Result<Arc<BTreeMap<String, Vec<String>>>> {
        let ask = || async {
            let mut cities: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for partner in partners::all_partners(&ctx.db).await? {
                let places = cities.entry(partner.zone.name().to_owned()).or_default();
                // Three names fit a line; more would say less.
                if places.len() < 3 && !places.contains(&partner.city) {
                    places.push(partner.city);
                }
            }
            Ok(cities)
        };
        self.cities.get("", MOMENT, ask).await
    }

    /// Whom key messages were told; of one partner's people if named.
    ///
    /// # Errors
    /// Those of [`messages::coverage`].
    pub async fn coverage(&self, ctx: &Context, partner: Option<&str>) -> Result<Arc<Vec<Coverage>>> {
        self.coverage.get(partner.unwrap_or_default(), COVERAGE, || messages::coverage(ctx, partner)).await
    }

    /// Forgets what was counted, so that whoever just changed something by hand sees it.
    pub fn forget(&self) {
        self.counts.forget();
        self.promises.forget();
        self.details.forget();
        self.overview.forget();
    }
}
