//! Person or machine. Mail scanners follow links, prefetch pages and even press buttons; none of that may become
//! interest, a score or a lead.

use super::scanners::AGENTS;

/// A click this soon after the next hop accepted the message is a scanner's, in milliseconds.
pub const TOO_SOON_MS: i64 = 5_000;
/// So many distinct links of one message within two seconds are a scanner's.
pub const BURST_LINKS: u32 = 3;
/// Longest part of a user agent that is looked at, in bytes.
const AGENT_BYTES_MAX: usize = 1_024;

/// What is known about one request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'r> {
    /// HTTP method.
    pub method: &'r str,
    /// The header `User-Agent`.
    pub user_agent: Option<&'r str>,
    /// The header `Purpose`.
    pub purpose: Option<&'r str>,
    /// The header `Sec-Purpose` (Fetch standard).
    pub sec_purpose: Option<&'r str>,
    /// The header `X-Moz`.
    pub x_moz: Option<&'r str>,
    /// Milliseconds since the next hop accepted the message; none where the request belongs to no message.
    /// Negative where the acceptance was recorded after the request.
    pub since_accepted_ms: Option<i64>,
    /// Distinct links of the message followed within the last two seconds, this one included.
    pub distinct_links_last_2s: u32,
    /// Whether it followed the link that no person sees.
    pub honeypot: bool,
    /// Whether its address belongs to a data centre or a known scanner's network.
    pub ip_is_datacentre: bool,
    /// Whether the message is a test copy to the vendor's own people.
    pub is_test: bool,
}

/// Person or machine, and how we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether a person did it, for all we know.
    pub human: bool,
    /// The reason, for counting: `person` or one of the machine's marks.
    pub reason: &'static str,
    /// The same for people.
    pub sentence: &'static str,
}

const PERSON: Verdict =
    Verdict { human: true, reason: "person", sentence: "nothing about this request looks like a machine" };

const fn machine(reason: &'static str, sentence: &'static str) -> Verdict {
    Verdict { human: false, reason, sentence }
}

/// Judges a request; the surest mark is named where several apply.
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    if evidence.is_test {
        return machine("test", "it came from a test copy, which the vendor's own people look at");
    }
    if evidence.honeypot {
        return machine("honeypot", "it followed a link that no person can see");
    }
    if !evidence.method.eq_ignore_ascii_case("GET") && !evidence.method.eq_ignore_ascii_case("POST") {
        return machine("method", "it only asked about the link, as scanners do, and did not follow it");
    }
    let prefetch = [evidence.purpose, evidence.sec_purpose, evidence.x_moz];
    if prefetch.into_iter().flatten().any(is_prefetch) {
        return machine("prefetch", "a browser or mail program fetched it ahead of time; nobody had clicked");
    }
    match evidence.user_agent.map(str::trim) {
        None | Some("") => {
            return machine("no-agent", "it did not say what program it is; every browser does");
        }
        Some(agent) if scanner(agent).is_some() => {
            return machine("scanner-agent", "the program names itself as a scanner, preview or crawler");
        }
        Some(_) => {}
    }
    if evidence.distinct_links_last_2s >= BURST_LINKS {
        return machine("burst", "three or more links of the message were followed within two seconds");
    }
    if evidence.since_accepted_ms.is_some_and(|since| since < TOO_SOON_MS) {
        return machine("too-soon", "it came less than five seconds after the message was accepted");
    }
    if evidence.ip_is_datacentre {
        return machine("scanner-network", "it came from a data centre or a scanner's network");
    }
    PERSON
}

/// Whose scanner a user agent names, where it does.
pub fn scanner(user_agent: &str) -> Option<&'static str> {
    let end = user_agent.floor_char_boundary(AGENT_BYTES_MAX.min(user_agent.len()));
    let agent = user_agent[..end].to_lowercase();
    AGENTS.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, whose)| *whose)
}

fn is_prefetch(value: &str) -> bool {
    let value = value.to_lowercase();
    ["prefetch", "prerender", "preview"].into_iter().any(|word| value.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

    fn click() -> Evidence<'static> {
        let since_accepted_ms = Some(TOO_SOON_MS);
        Evidence { method: "GET", user_agent: Some(BROWSER), since_accepted_ms, ..Evidence::default() }
    }

    #[test]
    fn a_person_five_seconds_after_acceptance_is_a_person() {
        assert_eq!(judge(&click()), PERSON);
        assert!(judge(&Evidence { method: "POST", distinct_links_last_2s: 2, ..click() }).human);
        assert!(judge(&Evidence { since_accepted_ms: None, ..click() }).human, "a page outside any message");
        assert!(judge(&Evidence { purpose: Some("navigate"), ..click() }).human);
    }

    #[test]
    fn every_mark_of_a_machine_is_seen() {
        let marks = [
            ("honeypot", Evidence { honeypot: true, ..click() }),
            ("method", Evidence { method: "HEAD", ..click() }),
            ("prefetch", Evidence { purpose: Some("prefetch"), ..click() }),
            ("prefetch", Evidence { sec_purpose: Some("prefetch;prerender"), ..click() }),
            ("prefetch", Evidence { x_moz: Some("prefetch"), ..click() }),
            ("no-agent", Evidence { user_agent: None, ..click() }),
            ("no-agent", Evidence { user_agent: Some(" "), ..click() }),
            ("scanner-agent", Evidence { user_agent: Some("Mozilla/5.0 BarracudaCentral"), ..click() }),
            ("burst", Evidence { distinct_links_last_2s: BURST_LINKS, ..click() }),
            ("too-soon", Evidence { since_accepted_ms: Some(TOO_SOON_MS - 1), ..click() }),
            ("too-soon", Evidence { since_accepted_ms: Some(-3), ..click() }),
            ("scanner-network", Evidence { ip_is_datacentre: true, ..click() }),
        ];
        for (reason, evidence) in marks {
            let verdict = judge(&evidence);
            assert_eq!((verdict.human, verdict.reason), (false, reason));
        }
    }

    #[test]
    fn browsers_are_not_in_the_table_and_the_table_is_lower_case() {
        for agent in [
            BROWSER,
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
        ] {
            assert_eq!(scanner(agent), None, "{agent}");
        }
        assert!(AGENTS.iter().all(|(mark, _)| *mark == mark.to_lowercase()));
        assert_eq!(scanner(&"é".repeat(10_000)), None, "cut between characters");
    }
}
