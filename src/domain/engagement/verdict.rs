//! Person or machine. Mail scanners follow links, prefetch pages and even press buttons; none of that may become
//! interest, a score or a lead.

use std::borrow::Cow;

use super::scanners::Machines;
use crate::domain::kernel::clock::UtcMs;

/// What is known about one request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'r> {
    /// HTTP method.
    pub method: &'r str,
    /// The header `User-Agent`; empty where there was none.
    pub agent: &'r str,
    /// What is kept of its address: /24 or /48.
    pub network: &'r str,
    /// Whether its headers said that it only fetched ahead (`Sec-Purpose`, `Purpose`, `X-Moz`).
    pub prefetch: bool,
    /// Milliseconds since the next hop accepted the message; none where the request belongs to no message.
    /// Negative where the acceptance was recorded after the request.
    pub since_accepted_ms: Option<i64>,
    /// Whether it followed the link that no person sees.
    pub honeypot: bool,
    /// What else was done with the same message.
    pub around: Around,
    /// Whether the message is a test copy to the vendor's own people.
    pub is_test: bool,
    /// Whether it is what programs ask for by themselves, a feed: whatever asked, nobody was there.
    pub is_polled: bool,
}

/// What was done with a message around one request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Around {
    /// The most different links followed within one span of `burst_ms` that holds the request.
    pub links: u32,
    /// Whether the hidden link was followed so near that whoever did also did this.
    pub honeypot: bool,
}

/// A link that was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// When.
    pub at_ms: UtcMs,
    /// Which.
    pub link_no: i64,
    /// Whether it is the hidden one.
    pub honeypot: bool,
}

impl Around {
    /// What `followed`, links of one message in order of time, were to a request at `at_ms`.
    pub fn of(at_ms: UtcMs, followed: &[Followed], machines: &Machines) -> Self {
        let thresholds = machines.thresholds();
        let (burst_ms, near_ms) = (i64::from(thresholds.burst_ms), i64::from(thresholds.honeypot_ms));
        let honeypot = followed.iter().any(|it| it.honeypot && (it.at_ms - at_ms).abs() <= near_ms);
        let first = followed.partition_point(|it| it.at_ms < at_ms - burst_ms);
        let near = &followed[first..];
        let near = &near[..near.partition_point(|it| it.at_ms <= at_ms + burst_ms)];
        let mut links = 0;
        for (number, begin) in near.iter().enumerate().filter(|(_, begin)| begin.at_ms <= at_ms) {
            let span = near[number..].iter().take_while(|it| it.at_ms <= begin.at_ms + burst_ms);
            // The span must reach the request.
            if begin.at_ms + burst_ms < at_ms {
                continue;
            }
            let mut seen: Vec<i64> = Vec::new();
            for it in span {
                if !seen.contains(&it.link_no) {
                    seen.push(it.link_no);
                }
                if seen.len() >= thresholds.burst_links as usize {
                    break;
                }
            }
            links = links.max(u32::try_from(seen.len()).unwrap_or(u32::MAX));
            if links >= thresholds.burst_links {
                break;
            }
        }
        Self { links, honeypot }
    }
}

/// How we know who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Nothing looks like a machine.
    Person,
    /// They filled in a form and agreed to its text.
    Form,
    /// A mail system reported it.
    Reported,
    /// An attendance list names them.
    Listed,
    /// It came from a test copy.
    Test,
    /// It followed the hidden link.
    Honeypot,
    /// Whoever did it also followed the hidden link.
    NearHoneypot,
    /// It only asked about the link.
    Method,
    /// It was fetched ahead of time.
    Prefetch,
    /// It did not say what it is.
    NoAgent,
    /// It says that it is a machine.
    ScannerAgent,
    /// Many links at once.
    Burst,
    /// Sooner than anybody reads.
    TooSoon,
    /// From where only machines are.
    ScannerNetwork,
    /// A program asked for a feed by itself.
    FeedReader,
    /// They wrote back, in words of their own.
    Wrote,
    /// It says what the person wants of us: whichever program carried that, it is their wish.
    Wish,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Person,
        Self::Form,
        Self::Reported,
        Self::Listed,
        Self::Test,
        Self::Honeypot,
        Self::NearHoneypot,
        Self::Method,
        Self::Prefetch,
        Self::NoAgent,
        Self::ScannerAgent,
        Self::Burst,
        Self::TooSoon,
        Self::ScannerNetwork,
        Self::FeedReader,
        Self::Wrote,
        Self::Wish,
    ];

    /// The word in the database and in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Form => "form",
            Self::Reported => "reported",
            Self::Listed => "listed",
            Self::Test => "test",
            Self::Honeypot => "honeypot",
            Self::NearHoneypot => "near-honeypot",
            Self::Method => "method",
            Self::Prefetch => "prefetch",
            Self::NoAgent => "no-agent",
            Self::ScannerAgent => "scanner-agent",
            Self::Burst => "burst",
            Self::TooSoon => "too-soon",
            Self::ScannerNetwork => "scanner-network",
            Self::FeedReader => "feed-reader",
            Self::Wrote => "wrote",
            Self::Wish => "wish",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// For lists: `12 of them followed the hidden link`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Person => "by people",
            Self::Form => "filled in a form",
            Self::Reported => "reported by a mail system",
            Self::Listed => "on an attendance list",
            Self::Test => "from test copies",
            Self::Honeypot => "followed the hidden link",
            Self::NearHoneypot => "with the hidden link",
            Self::Method => "only asked about the link",
            Self::Prefetch => "fetched ahead",
            Self::NoAgent => "without a program's name",
            Self::ScannerAgent => "named themselves a scanner",
            Self::Burst => "many links at once",
            Self::TooSoon => "too soon after sending",
            Self::ScannerNetwork => "from a scanner's network",
            Self::FeedReader => "feed readers",
            Self::Wrote => "wrote back",
            Self::Wish => "said what they want",
        }
    }

    /// Whether a person did it.
    pub fn is_human(self) -> bool {
        matches!(self, Self::Person | Self::Form | Self::Listed | Self::Wrote | Self::Wish)
    }

    /// The whole sentence; some name whose machine it was.
    fn sentence(self, whose: Option<&str>) -> Cow<'static, str> {
        let text = match self {
            Self::Person => "nothing about this request looks like a machine",
            Self::Form => "the form was filled in and the consent given",
            Self::Reported => "a mail system reported it",
            Self::Listed => "the attendance list of the webinar tool names them",
            Self::Test => "it came from a test copy, which the vendor's own people look at",
            Self::Honeypot => "it followed a link that no person can see",
            Self::NearHoneypot => "whoever did it also followed a link that no person can see",
            Self::Method => "it only asked about the link, as scanners do, and did not follow it",
            Self::Prefetch => "a browser or mail program fetched it ahead of time; nobody had clicked",
            Self::NoAgent => "it did not say what program it is; every browser does",
            Self::ScannerAgent => "the program names itself as a scanner, preview or crawler",
            Self::Burst => "more links of the message were followed at once than a person can",
            Self::TooSoon => "it came sooner after the message was accepted than anybody reads",
            Self::ScannerNetwork => "it came from a network where only machines are",
            Self::FeedReader => {
                "a program asks for a feed by itself; whoever follows an entry is counted then"
            }
            Self::Wrote => "they wrote back, and no automatic answer looks like it",
            Self::Wish => "it says what the person wants of us, whichever program carried it",
        };
        match whose {
            Some(whose) => format!("{text}: {whose}").into(),
            None => text.into(),
        }
    }
}

/// Person or machine, and how we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How we know, for counting.
    pub reason: Reason,
    /// The same for people.
    pub sentence: Cow<'static, str>,
}

impl Verdict {
    /// Whether a person did it, for all we know.
    pub fn human(&self) -> bool {
        self.reason.is_human()
    }
}

impl From<Reason> for Verdict {
    fn from(reason: Reason) -> Self {
        Self { reason, sentence: reason.sentence(None) }
    }
}

/// Judges a request by the rules in force; the surest mark is named where several apply.
pub fn judge(evidence: &Evidence<'_>, machines: &Machines) -> Verdict {
    let thresholds = machines.thresholds();
    let agent = evidence.agent.trim();
    let reason = if evidence.is_test {
        Reason::Test
    } else if evidence.is_polled {
        Reason::FeedReader
    } else if evidence.honeypot {
        Reason::Honeypot
    } else if !evidence.method.eq_ignore_ascii_case("GET") && !evidence.method.eq_ignore_ascii_case("POST") {
        Reason::Method
    } else if evidence.prefetch {
        Reason::Prefetch
    } else if agent.is_empty() {
        Reason::NoAgent
    } else if let Some(whose) = machines.scanner(agent) {
        let sentence = Reason::ScannerAgent.sentence(Some(whose));
        return Verdict { reason: Reason::ScannerAgent, sentence };
    } else if evidence.around.honeypot {
        Reason::NearHoneypot
    } else if evidence.around.links >= thresholds.burst_links {
        Reason::Burst
    } else if evidence.since_accepted_ms.is_some_and(|since| since < i64::from(thresholds.too_soon_ms)) {
        Reason::TooSoon
    } else if let Some(whose) = machines.place(evidence.network) {
        let sentence = Reason::ScannerNetwork.sentence(Some(whose));
        return Verdict { reason: Reason::ScannerNetwork, sentence };
    } else {
        Reason::Person
    };
    reason.into()
}

/// Whether a header (`Sec-Purpose`, `Purpose`, `X-Moz`) says that a page is only fetched ahead.
pub fn is_prefetch(value: &str) -> bool {
    if value.is_empty() {
        return false;
    }
    let value = value.to_lowercase();
    ["prefetch", "prerender", "preview"].into_iter().any(|word| value.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    const TOO_SOON_MS: i64 = 5_000;

    fn click() -> Evidence<'static> {
        Evidence {
            method: "GET",
            agent: BROWSER,
            network: "203.0.113.0/24",
            since_accepted_ms: Some(TOO_SOON_MS),
            ..Evidence::default()
        }
    }

    fn reason(evidence: &Evidence<'_>) -> Reason {
        judge(evidence, &Machines::default()).reason
    }

    #[test]
    fn a_person_five_seconds_after_acceptance_is_a_person() {
        assert_eq!(reason(&click()), Reason::Person);
        let two = Around { links: 2, honeypot: false };
        assert_eq!(reason(&Evidence { method: "POST", around: two, ..click() }), Reason::Person);
        assert_eq!(reason(&Evidence { since_accepted_ms: None, ..click() }), Reason::Person, "no message");
    }

    #[test]
    fn every_mark_of_a_machine_is_seen() {
        let around = |links, honeypot| Around { links, honeypot };
        let marks = [
            (Reason::Test, Evidence { is_test: true, ..click() }),
            (Reason::FeedReader, Evidence { is_polled: true, ..click() }),
            (Reason::Honeypot, Evidence { honeypot: true, ..click() }),
            (Reason::Method, Evidence { method: "HEAD", ..click() }),
            (Reason::Prefetch, Evidence { prefetch: true, ..click() }),
            (Reason::NoAgent, Evidence { agent: " ", ..click() }),
            (Reason::ScannerAgent, Evidence { agent: "Mozilla/5.0 BarracudaCentral", ..click() }),
            (Reason::NearHoneypot, Evidence { around: around(1, true), ..click() }),
            (Reason::Burst, Evidence { around: around(3, false), ..click() }),
            (Reason::TooSoon, Evidence { since_accepted_ms: Some(TOO_SOON_MS - 1), ..click() }),
            (Reason::TooSoon, Evidence { since_accepted_ms: Some(-3), ..click() }),
            (Reason::ScannerNetwork, Evidence { network: "40.107.3.0/24", ..click() }),
        ];
        for (wanted, evidence) in marks {
            assert_eq!(reason(&evidence), wanted);
            assert!(!wanted.is_human());
        }
        let named = judge(&Evidence { agent: "Slackbot 1.0", ..click() }, &Machines::default());
        assert!(named.sentence.ends_with("crawler: Slack's preview"), "{}", named.sentence);
    }

    #[test]
    fn words_read_back_and_headers_say_prefetch() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
        assert!(is_prefetch("Prefetch;prerender") && is_prefetch("preview"));
        assert!(!is_prefetch("navigate") && !is_prefetch(""));
    }

    #[test]
    fn a_burst_is_found_from_each_of_its_clicks_and_by_no_other() {
        let links = |all: &[(i64, i64)]| -> Vec<Followed> {
            all.iter()
                .map(|(at_ms, link_no)| Followed { at_ms: *at_ms, link_no: *link_no, honeypot: false })
                .collect()
        };
        let machines = Machines::default();
        let count = |at_ms: i64, all: &[(i64, i64)]| Around::of(at_ms, &links(all), &machines).links;
        let burst = [(0, 1), (5_000, 1), (5_500, 2), (7_000, 3), (20_000, 4)];
        assert_eq!([count(0, &burst), count(20_000, &burst)], [1, 1]);
        for at_ms in [5_000, 5_500, 6_000, 7_000] {
            assert_eq!(count(at_ms, &burst), 3, "{at_ms}");
        }
        let twice = [(0, 1), (10, 1), (20, 1)];
        assert_eq!(count(10, &twice), 1, "one link again and again is no burst");
        let slow = [(0, 1), (1_900, 2), (3_800, 3)];
        assert_eq!(count(1_900, &slow), 2, "no span of two seconds holds three");
        assert_eq!(count(0, &[]), 0);
    }

    #[test]
    fn the_hidden_link_speaks_for_a_minute_around_it() {
        let machines = Machines::default();
        let trap = [Followed { at_ms: 100_000, link_no: 9, honeypot: true }];
        let near = |at_ms: i64| Around::of(at_ms, &trap, &machines).honeypot;
        assert!(near(40_000) && near(160_000) && !near(39_999) && !near(160_001));
    }
}
