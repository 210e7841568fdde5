//! How far an issue is: sent, left, how fast, until when; what is not accepted by class; the largest sites.

use chrono_tz::Tz;
use serde::Serialize;

use crate::{
    domain::{
        delivery::{
            DeliveryState,
            outlook::{WAITS_FOR_A_PERSON, class_means},
            pace::{self, Rate},
        },
        kernel::{Result, clock::UtcMs},
        program::Control,
    },
    store::{
        digests::{self, Ridden},
        issues::Issue,
        progress::{Later, Site},
    },
    web::view::{
        Fact,
        chart::Bar,
        for_a_person,
        when::{Moment, span},
    },
    work::Context,
};

/// The figures of a running issue.
#[derive(Debug, Serialize)]
pub struct Progress {
    /// Sent, left, and what will not leave.
    pub bar: Bar,
    /// Whether any of its mails is its own; what rides in others' mails has none.
    pub has_own: bool,
    /// Where the mails stand that it rides in.
    pub rides: Vec<Ride>,
    /// The same in figures, with rate and end.
    pub facts: Vec<Fact>,
    /// How many wait for a person.
    pub stuck: Option<String>,
    /// Where those are listed.
    pub stuck_href: String,
    /// Tried and not accepted, by class.
    pub classes: Vec<Row>,
    /// The largest sites.
    pub sites: Vec<Row>,
}

/// The mails of another issue in which one comes.
#[derive(Debug, Serialize)]
pub struct Ride {
    /// `alpha of 2027-01-12`
    pub label: String,
    /// The page of the issue whose mails they are.
    pub href: String,
    /// `9 of 9 accepted`
    pub text: String,
    /// The mails by state.
    pub bar: Bar,
}

/// A line with its drawing.
#[derive(Debug, Serialize)]
pub struct Row {
    /// A class or a site.
    pub label: String,
    /// What it means, or how far it is.
    pub text: String,
    /// How many.
    pub count: i64,
    /// The same, drawn.
    pub bar: Bar,
}

/// What the figures are made of.
struct Standing<'a> {
    counts: &'a [(DeliveryState, i64)],
    later: Later,
    rate: Option<Rate>,
    paused: bool,
    now_ms: UtcMs,
    zone: Tz,
}

impl Progress {
    /// As things stand, at most a moment ago.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn of(ctx: &Context, issue: &Issue, zone: Tz) -> Result<Self> {
        let counts = ctx.figures.counts(ctx, &issue.id).await?;
        let details = ctx.figures.details(ctx, &issue.id).await?;
        let standing = Standing {
            counts: &counts,
            later: details.later,
            rate: ctx.figures.rate(&issue.id),
            paused: issue.control == Control::Paused.as_str(),
            now_ms: ctx.now_ms(),
            zone,
        };
        let rides = rides(&digests::ridden(&ctx.db, &issue.id).await?);
        let stuck = standing.sum(|state| WAITS_FOR_A_PERSON.contains(&state));
        Ok(Self {
            bar: standing.bar(),
            has_own: rides.is_empty() || standing.sum(|_| true) > 0,
            rides,
            facts: standing.facts(),
            stuck: (stuck > 0).then(|| for_a_person(stuck)),
            stuck_href: format!("{}?issue={}", super::dead_letters::PATH, issue.id),
            classes: classes(&details.classes),
            sites: sites(&details.sites),
        })
    }
}

impl Standing<'_> {
    fn sum(&self, fits: impl Fn(DeliveryState) -> bool) -> i64 {
        self.counts.iter().filter(|(state, _)| fits(*state)).map(|(_, count)| *count).sum()
    }

    fn sent(&self) -> i64 {
        self.sum(|state| state == DeliveryState::Accepted)
    }

    fn left(&self) -> i64 {
        self.sum(|state| !state.is_final())
    }

    fn bar(&self) -> Bar {
        let stuck = self.sum(|state| WAITS_FOR_A_PERSON.contains(&state));
        let mut parts = vec![("good", "sent", self.sent()), ("", "left", self.left())];
        if stuck > 0 {
            parts.push(("bad", "wait for a person", stuck));
        }
        let never = self.sum(|state| matches!(state, DeliveryState::Suppressed | DeliveryState::Cancelled));
        if never > 0 {
            parts.push(("warn", "stopped", never));
        }
        Bar::of(&parts)
    }

    fn facts(&self) -> Vec<Fact> {
        let (sent, left) = (self.sent(), self.left());
        let all = self.sum(|_| true);
        let mut facts =
            vec![Fact::new("Sent", format!("{sent} of {all}")), Fact::new("Left", left.to_string())];
        if left == 0 {
            return facts;
        }
        let later = self.later.messages.min(left);
        let last_due_ms = self.later.last_due_ms.unwrap_or(self.now_ms);
        if later > 0 {
            facts.push(Fact::new("Due later", later.to_string()));
        }
        let rate = match (self.later.first_due_ms, self.rate) {
            (Some(first_due_ms), _) if later == left => {
                format!("nothing is due before {}", Moment::full(first_due_ms, self.zone).text)
            }
            (_, Some(rate)) => {
                format!("{} a second, over the last {}", figure(rate.per_s), span(rate.over_ms))
            }
            (_, None) => "being measured".to_owned(),
        };
        facts.push(Fact::new("Rate", rate));
        let end = pace::ends_ms(self.now_ms, left - later, later, last_due_ms, self.rate);
        facts.push(Fact::new(
            "Estimated end",
            match end {
                _ if self.paused => "paused".to_owned(),
                Some(end_ms) => Moment::full(end_ms, self.zone).text,
                None => "not known yet".to_owned(),
            },
        ));
        facts
    }
}

/// One line for each issue in whose mails it rides.
fn rides(ridden: &[Ridden]) -> Vec<Ride> {
    let of_one = |mails: &[Ridden]| {
        let counts: Vec<(DeliveryState, i64)> = mails
            .iter()
            .filter_map(|of_state| Some((DeliveryState::parse(&of_state.state)?, of_state.mails)))
            .collect();
        let sum = |fits: &dyn Fn(DeliveryState) -> bool| -> i64 {
            counts.iter().filter(|(state, _)| fits(*state)).map(|(_, mails)| mails).sum()
        };
        let (accepted, all) = (sum(&|state| state == DeliveryState::Accepted), sum(&|_| true));
        Ride {
            label: format!("{} of {}", mails[0].newsletter, mails[0].nominal_date),
            href: format!("/console/issues/{}", mails[0].host_id),
            text: format!("{accepted} of {all} accepted"),
            bar: super::state_bar(&counts),
        }
    };
    ridden.chunk_by(|a, b| a.host_id == b.host_id).map(of_one).collect()
}

/// `1,240`, `12.5`, `0.3`.
fn figure(per_s: f64) -> String {
    if per_s < 100.0 { format!("{per_s:.1}") } else { format!("{per_s:.0}") }
}

fn classes(counts: &[(String, i64)]) -> Vec<Row> {
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let row = |(class, count): &(String, i64)| Row {
        label: class.replace('-', " "),
        text: class_means(class).to_owned(),
        count: *count,
        bar: Bar::single("warn", format!("{count} {class}"), *count, most),
    };
    counts.iter().map(row).collect()
}

fn sites(sites: &[Site]) -> Vec<Row> {
    let row = |site: &Site| {
        let stopped = site.total - site.accepted - site.unfinished;
        let mut parts = vec![("good", "sent", site.accepted), ("", "left", site.unfinished)];
        if stopped > 0 {
            parts.push(("bad", "ended otherwise", stopped));
        }
        Row {
            label: site.site.clone(),
            text: format!("{} of {} sent", site.accepted, site.total),
            count: site.total,
            bar: Bar::of(&parts),
        }
    };
    sites.iter().map(row).collect()
}

#[cfg(test)]
impl Progress {
    /// Half-way, with a site that refuses.
    pub fn sample() -> Self {
        let counts = [
            (DeliveryState::Accepted, 1_700),
            (DeliveryState::Sending, 20),
            (DeliveryState::Ready, 1_400),
            (DeliveryState::Failed, 3),
        ];
        let standing = Standing {
            counts: &counts,
            later: Later::default(),
            rate: Some(Rate { per_s: 612.5, over_ms: 14_000 }),
            paused: false,
            now_ms: 1_799_744_400_000,
            zone: chrono_tz::Europe::Oslo,
        };
        let site =
            |site: &str, total, accepted, unfinished| Site { site: site.into(), total, accepted, unfinished };
        Self {
            bar: standing.bar(),
            has_own: true,
            rides: rides(&[Ridden {
                host_id: "iss_1".into(),
                newsletter: "field-notes".into(),
                nominal_date: "2027-01-12".into(),
                state: "accepted".into(),
                mails: 9,
            }]),
            facts: standing.facts(),
            stuck: Some("3 messages wait for a person".into()),
            stuck_href: "#".into(),
            classes: classes(&[("soft".into(), 12), ("bad-address".into(), 3)]),
            sites: sites(&[site("northlight.example", 1_900, 1_500, 397), site("ipe.example", 20, 20, 0)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_last_zone_or_the_queue_s() {
        let later =
            |messages| Later { messages, first_due_ms: Some(43_200_000), last_due_ms: Some(86_400_000) };
        let counts = [(DeliveryState::Accepted, 60), (DeliveryState::Ready, 60)];
        let standing = |rate, paused| Standing {
            counts: &counts,
            later: later(20),
            rate,
            paused,
            now_ms: 1_000,
            zone: Tz::UTC,
        };
        let says = |standing: Standing<'_>| {
            standing.facts().iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect::<Vec<_>>()
        };
        let running = says(standing(Some(Rate { per_s: 4.0, over_ms: 60_000 }), false));
        assert_eq!(running[..3], ["Sent: 60 of 120", "Left: 60", "Due later: 20"]);
        assert_eq!(running[3], "Rate: 4.0 a second, over the last 1 min");
        assert_eq!(running[4], "Estimated end: Fri 2 Jan 1970, 00:00 UTC");
        assert_eq!(
            says(standing(None, false))[3..],
            ["Rate: being measured", "Estimated end: not known yet"]
        );
        assert_eq!(says(standing(None, true))[4], "Estimated end: paused");
        let none_due = says(Standing { later: later(60), ..standing(None, false) });
        assert_eq!(none_due[2], "Due later: 60");
        assert_eq!(none_due[3], "Rate: nothing is due before Thu 1 Jan 1970, 12:00 UTC");
        assert_eq!(none_due[4], "Estimated end: Fri 2 Jan 1970, 00:00 UTC");
    }
}
