//! What the pages of leads are rendered with in tests.

use super::*;

impl Line {
    /// Ana.
    pub fn sample() -> Self {
        Self {
            href: "#".into(),
            name: "Ana Ruiz".into(),
            company: "Harbor Clinic Group".into(),
            partner: "northlight".into(),
            stage: lead::stage("sal"),
            score: 82,
            bar: Bar::single("brand", "82 points".into(), 82, 100),
            fit: "A".into(),
            owner: "Luis Ortega".into(),
            clock: Some(Badge::new("warn", "58 min left")),
            changed: Moment::short(1_799_766_000_000, chrono_tz::Europe::Oslo),
        }
    }
}

impl ListView {
    /// Two leads.
    pub fn sample() -> Self {
        Self {
            text: "2 leads, the last changed first.".into(),
            pipeline: Bar::of(&[
                ("", "being nurtured", 3),
                ("warn", "qualified and offered", 2),
                ("brand", "accepted and worked", 6),
                ("good", "won", 2),
            ]),
            search: "clinic".into(),
            partner: String::new(),
            stage: "sal".into(),
            partners: vec![Choice::new("", "All partners"), Choice::new("northlight", "Northlight MSP")],
            stages: vec![Choice::new("", "All stages"), Choice::new("sal", "Accepted")],
            is_filtered: true,
            more: Some("#".into()),
            leads: vec![Line::sample(), Line::sample()],
            waiting: Some("1 lead waits for a partner.".into()),
            given: vec![GivenLine {
                partner: "Northlight MSP".into(),
                href: "#".into(),
                given: 7,
                taken: 5,
                lapsed: 1,
                turned_down: 1,
                last: Moment::short(1_799_766_000_000, chrono_tz::Europe::Oslo),
            }],
        }
    }
}

impl View {
    /// Ana, accepted.
    pub fn sample() -> Self {
        let card = crate::web::desk::card::CardView::sample();
        let at = || Moment::full(1_799_766_000_000, chrono_tz::Europe::Oslo);
        Self {
            stage: lead::stage("sal"),
            who: format!("{}, {}", card.name, card.company),
            is_erased: false,
            because: "Asked to talk, which qualifies at once.".into(),
            levers: Some("Who has it works it on their desk; Tom Beckett, who looks after Northlight MSP, can give it to somebody else there.".into()),
            times: "All times are those of Europe/Oslo; clocks count the working hours of whoever has the lead.".into(),
            conflict: card.conflict,
            give: Some(lead_give::View::sample()),
            clocks: card.clock.into_iter().collect(),
            steps: vec![
                Step {
                    what: "Offered to Luis Ortega. She receives the leads of Northlight MSP.".into(),
                    at: at(),
                    actor: "partnercast".into(),
                    stage: "Offered".into(),
                },
                Step {
                    what: "accepted the lead".into(),
                    at: at(),
                    actor: "Luis Ortega".into(),
                    stage: "Accepted".into(),
                },
            ],
            events: card.events,
            facts: card.facts,
            amounts: vec![AmountLine::sample()],
            score: 82,
            fit: "A".into(),
            score_lines: card.score_lines,
            offers: vec![OfferLine {
                rep: "Luis Ortega".into(),
                badge: Badge::new("good", "accepted"),
                text: "receives the leads of Northlight MSP".into(),
            }],
            consents: card
                .consents
                .into_iter()
                .map(|line| Consent {
                    line,
                    purpose: "a call".into(),
                    source: "to northlight, by: Form on the partner’s co-branded content".into(),
                })
                .collect(),
            export: "#".into(),
            erase: Some("#".into()),
        }
    }
}
