//! An issue as the tests of templates show it.

use super::*;

impl View {
    /// Frozen with one person out, and half-way.
    pub fn sample() -> Self {
        let delivery = |name: &str, tone, state: &str, reply: &str| Delivery {
            name: name.into(),
            href: Some("#".into()),
            email: format!("{}@northlight.example", name.to_lowercase().replace(' ', ".")),
            promised: "Tue 12 Jan, 16:00".into(),
            badge: Badge::new(tone, state),
            returned: (name == "Luis Ortega").then(|| Badge::new("bad", "came back: mailbox full")),
            accepted: "Tue 12 Jan, 16:00".into(),
            tries: 1,
            reply: reply.into(),
            again: (state == "failed").then(|| "/console/issues/iss_1/deliveries/dlv_1/again".into()),
        };
        Self {
            title: "Restores, not backups: your part in January".into(),
            subtitle: "fold-forward, promised for 2027-01-12, each reader’s own time".into(),
            paused_because: Some(
                "20 messages in a row were refused for a reason that lies with us: 550 5.7.26".into(),
            ),
            held: Some("the audience is twice the last one".into()),
            outdated: Some(Moment::full(1_799_700_000_000, chrono_tz::Europe::Oslo)),
            overtaken: Some(Overtaken { href: "#".into(), date: "2027-02-09".into() }),
            actions: vec![
                Action {
                    label: "Approve what is shown here",
                    href: "#".into(),
                    confirm: None,
                    quiet: false,
                    hash: Some("x".into()),
                },
                Action { label: "Pause", href: "#".into(), confirm: None, quiet: true, hash: None },
                Action {
                    label: "Cancel the issue",
                    href: "#".into(),
                    confirm: Some("What has not left does not leave, for good.".into()),
                    quiet: true,
                    hash: None,
                },
            ],
            live: LiveView::sample(),
            test: Some(TestForm {
                action: "#".into(),
                texts: vec![("rnd_1".into(), "northlight, sales, en-US".into())],
                people: vec![("marcus@vendor.example".into(), "Marcus Adeyemi".into())],
            }),
            done: Some("The test is on its way."),
            variants: vec![Variant {
                partner: "northlight".into(),
                roles: "sales".into(),
                locale: "en-US".into(),
                subject: "Restores, not backups: your part in January".into(),
                readers: 1,
                href: "#".into(),
            }],
            roll: "#".into(),
            audience_says: "33 in, 1 out, everybody with the reason".into(),
            audience: vec![
                Person {
                    name: "Kara Boyd".into(),
                    href: "#".into(),
                    partner: "northlight".into(),
                    roles: "marketing".into(),
                    badge: Badge::new("bad", "out"),
                    because: "unsubscribed from Fold Forward on 4 December".into(),
                },
                Person {
                    name: "Luis Ortega".into(),
                    href: "#".into(),
                    partner: "northlight".into(),
                    roles: "sales".into(),
                    badge: Badge::new("good", "in"),
                    because: "sales at a platinum partner in the Americas".into(),
                },
            ],
            deliveries: vec![
                delivery("Luis Ortega", "good", "accepted", "250 2.0.0 Ok: queued"),
                delivery("Mei Tran", "bad", "failed", "550 5.1.1 no such user"),
            ],
        }
    }
}

impl LiveView {
    /// Half-way.
    fn sample() -> Self {
        Self {
            badge: Badge::new("brand", "on its way"),
            relay_faults: vec!["relay.example, for 3 min: connection refused".into()],
            world: World::sample(),
            waits: None,
            progress: Progress::sample(),
            bar: Bar::of(&[
                ("good", "accepted", 17),
                ("brand", "sending", 2),
                ("", "ready", 14),
                ("bad", "failed", 1),
            ]),
            clicks: Bar::of(&[("brand", "by people", 11), ("", "by machines", 7)]),
            clicks_says: "6 people followed a link. Scanners and prefetching programs are counted apart."
                .into(),
            machines: vec![
                Fact::new("many links at once", "4"),
                Fact::new("followed the hidden link", "2"),
                Fact::new("too soon after sending", "1"),
            ],
            facts: vec![
                Fact::new("Frozen", "Tue 12 Jan 2027, 08:30 CET"),
                Fact::new("Content", "8f31c2aa09bd"),
            ],
            stages: trial::stages(&[audience::StageCount {
                stage: "pilot".into(),
                people: 3,
                accepted: 3,
                failed: 0,
                cancelled: 0,
                suppressed: 0,
            }]),
            subjects: Subjects::sample(),
        }
    }
}
