//! What attribution.toml, calendar.toml, engagement.toml, frequency.toml, messages.toml and routing.toml may say.

use super::{
    super::guide::{KeyGuide, may, needed, table},
    attribution::ATTRIBUTION,
    calendar::CALENDAR,
    engagement::ENGAGEMENT,
    frequency::FREQUENCY,
    messages::{MESSAGES, TOUCHES_MAX},
    routing::ROUTING,
};

const WHOSE: [KeyGuide; 2] = [
    may(
        "regions",
        "a list of americas, emea, apac",
        "Whose readers; with `partners` any of both, without either everybody.",
    ),
    may("partners", "a list of partners' slugs", "Whose readers."),
];

/// The keys of a `[[blackout]]`.
const BLACKOUT: [KeyGuide; 9] = [
    needed("name", "one line, up to 80 characters", "What people are told; no two have the same."),
    may("date", "a date, 2027-05-17", "One day."),
    may("from", "a date", "The first day; with `to`, in place of `date`."),
    may("to", "a date", "The last day, at most 366 days in all; 364 with `every_year`."),
    may("every_year", "true or false", "Whether these days come every year from then on."),
    may(
        "clocks",
        "true or false",
        "Whether the clocks of leads run on these days; left out, they stop, because nobody works.",
    ),
    may(
        "calendar",
        "a path, `rules/norway.ics`",
        "An iCalendar file whose all-day events are the days, in place of dates. Events recur yearly or not at all.",
    ),
    WHOSE[0],
    WHOSE[1],
];

/// The keys of a `[[quiet]]`.
const QUIET: [KeyGuide; 6] = [
    needed("name", "one line, up to 80 characters", "What people are told; no two have the same."),
    needed("from", "`Fri 15:00` or `20:00`", "When it begins, each week or each day."),
    needed("to", "`Mon 08:00` or `07:00`", "When it ends."),
    may(
        "days",
        "a list of mon, tue, wed, thu, fri, sat, sun",
        "On which days one of each day begins; left out: all.",
    ),
    WHOSE[0],
    WHOSE[1],
];

const EXAMPLE: &str = "version = 1

[[blackout]]
name = \"Year-end days\"
from = 2027-12-24
to = 2028-01-01
every_year = true

[[blackout]]
name = \"Golden Week\"
from = 2027-04-29
to = 2027-05-05
regions = [\"apac\"]

[[quiet]]
name = \"Weekend\"
from = \"Fri 15:00\"
to = \"Mon 08:00\"

[[quiet]]
name = \"Night\"
from = \"20:00\"
to = \"07:00\"
";

/// The keys of routing.toml.
const ROUTING_KEYS: [KeyGuide; 8] = [
    needed("version", "a number", "Raised with every change."),
    needed(
        "business_hours",
        "a table: `days`, `start`, `end`",
        "When the clocks run, by the clock of whoever has the lead.",
    ),
    may(
        "business_hours_of",
        "tables: `partners` or `regions`, and `days`, `start`, `end`",
        "When they run for some; the first that fits.",
    ),
    needed(
        "clock",
        "two tables, `hot` and `standard`: `accept_minutes`, `first_contact_minutes`, `next_step_minutes`",
        "How long each clock runs, in minutes of business hours: hot for who asked to talk, standard for who reached the score.",
    ),
    may(
        "people",
        "a table: `order` (pinned, round_robin), `leads_max` (1 to 10,000)",
        "Who of the partner's people is asked first, and how many leads one may have in hand.",
    ),
    may(
        "partners",
        "a table: `order` (best_fit, round_robin, first_claim), `leads_max`, `called_max`, `tiers`, `territory` and `vertical` (required, preferred, \
         ignored), tables `pinned`: `domains`, `partner`",
        "Which partner is given a lead that none brought, out of a file or through the API. Left out, the vendor keeps them. \
         A pinned partner has the accounts with these mail domains. Of the others: `leads_max` in hand at most (a partner's \
         own in partners.csv comes first), one of `tiers` (best first; left out: all), serves the lead's country where \
         `territory` is required, as left out (partners without `countries` serve wherever they are asked), and its industry \
         where `vertical` is required. Of these, best_fit takes who serves the industry, names the country, has the better \
         tier, has fewer leads in hand; round_robin whoever was given one longest ago; with first_claim the `called_max` (5) who fit best are asked at once, and \
         whoever claims it first has it.",
    ),
    may(
        "escalation",
        "a table: `sponsor`, an address of vendor.toml",
        "Whom a clock is told to last: what stays late after as long again, and what the channel manager is late with.",
    ),
    may(
        "conflict",
        "a table: `rule` (first_in_hand, first_touch, last_touch, ask), `scope` (person, account), `won_days` (0 to 3,650), `ask_hours` (1 to 720), `ask_then` (first_in_hand, first_touch, last_touch)",
        "Which partner goes on where one person, or one company, is known through two; left out: first_in_hand, person, 365.",
    ),
];

const DESK: &str = "version = 1

[business_hours]
days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]
start = \"09:00\"
end = \"17:00\"

[[business_hours_of]]
regions = [\"apac\"]
days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]
start = \"09:00\"
end = \"18:00\"

[people]
order = \"round_robin\"
leads_max = 20

[conflict]
rule = \"first_in_hand\"
scope = \"person\"
won_days = 365
ask_hours = 16
ask_then = \"first_in_hand\"

[clock.hot]
accept_minutes = 60
first_contact_minutes = 240
next_step_minutes = 2400

[clock.standard]
accept_minutes = 480
first_contact_minutes = 480
next_step_minutes = 2400
";

/// The keys of a `[[limit]]`.
const LIMIT: [KeyGuide; 2] = [
    needed("messages", "a number, 1 to 1,000", "How many messages one person gets at most."),
    needed("days", "days, 1 to 366", "In any so many days."),
];

const LIMITS: &str = "version = 1
priority = [\"fold-forward\"]

[[limit]]
messages = 2
days = 7

[[limit]]
messages = 6
days = 30
";

/// The reference page of frequency.toml in Markdown.
pub fn frequency_reference() -> String {
    format!(
        "# frequency\n\nTOML, in `{FREQUENCY}`: how many issues of newsletters and messages of sequences one person gets at \
         most, over all of them. It has a `version`, raised with every change, one `[[limit]]` or more, which all hold, and \
         `priority`, a list of newsletters and sequences: the others leave room for what those promise, as long as \
         an issue is written for it or may still be: until it should be fixed. Who would get more is left out of an issue, with the reason; a step of a sequence is put off to its next hour for which there is room, and \
         left out if there is none within 30 days. Mail that somebody waits for is neither counted nor stopped.\n\n{}\nAn example:\n\n```toml\n{LIMITS}```\n",
        table(&LIMIT)
    )
}

/// The keys of a `[[message]]`.
const MESSAGE: [KeyGuide; 3] = [
    needed("slug", "a slug", "What assets name in `key_message`."),
    needed("title", "one line, up to 120 characters", "What it says."),
    may(
        "touches_max",
        "a number, 1 to 100",
        "How often it is told to one person at most, in place of what holds for all.",
    ),
];

const HOUSE: &str = "version = 1
touches_max = 7

[[message]]
slug = \"restores-not-backups\"
title = \"A backup is not a recovery until somebody has restored it\"

[[message]]
slug = \"ransomware-day-one\"
title = \"The first 24 hours decide\"
touches_max = 9
";

/// The reference page of messages.toml in Markdown.
pub fn messages_reference() -> String {
    format!(
        "# messages\n\nTOML, in `{MESSAGES}`: what a vendor wants to be known for, and how often each of these messages is told to \
         one person. It has a `version`, raised with every change, `touches_max` ({TOUCHES_MAX} unless it says otherwise), and \
         any number of `[[message]]`; with one at least, assets name no other.\n\nA mail is one touch of each key message that \
         it tells by its own words or by a card. Who had as many touches of a message as one gets is told it no more: its \
         cards are left out for them, and a mail whose own message it is does not go to them. A card is also left out for \
         whoever met its message in the same form (read, watch, do) the time before; a mail counts as read, and is itself held back by this \
         only where it says its `form`. `partnercast plan` names what is left out and for how many.\n\n{}\nAn \
         example:\n\n```toml\n{HOUSE}```\n",
        table(&MESSAGE)
    )
}

/// The reference page of routing.toml in Markdown.
pub fn routing_reference() -> String {
    format!(
        "# routing\n\nTOML, in `{ROUTING}`: who is asked to take a lead, and the clocks that run then. Required keys are marked \
         *.\n\nAt a half and at four fifths of a clock whoever has the lead is reminded. At its end a lead that nobody took, or \
         reached, is taken back and offered to the next; a next step that is late stays where it is, and the channel manager is \
         told, after as long again the sponsor. Holidays are the blackouts of `{CALENDAR}`.\n\nWhere one person (`scope = \"account\"`: \
         one company, by its mail domain) is known through two partners, and one of the leads is in hand or is to be handed over, \
         one partner goes on and the others' leads wait: offered to nobody, in no sequence. `first_in_hand` is for whoever had the \
         lead first, or is asked now where nobody has it; `first_touch` for whoever was given the name first; `last_touch` for \
         whoever was asked last, which takes a lead from whoever has it; `ask` has a channel manager decide, who gets a mail. They have \
         `ask_hours` of the vendor's business hours (16 where nothing is said): at a half and at four fifths of them they are reminded, \
         at their end the sponsor is told, who can decide too, and after as long again (at once where there is no sponsor) the rule \
         `ask_then` does, so that nobody waits for ever. The same goes for what no rule decides. No rule \
         takes a confirmed deal away. For `won_days` after a deal was won the customer is that partner's. When the lead that goes on \
         is lost, returned or closed, the others are looked at again. Partners are told that another one is in touch, never \
         which. A lead that no partner brought meets the rule when it is given to a partner, claimed, or given by hand.\n\nWhere \
         several are asked to claim a lead, calls that are open count for nobody's `leads_max`; who claims one while they, or their \
         partner, have as many in hand as they may is refused, and the call stays open.\n\n{}\nAn \
         example:\n\n```toml\n{DESK}```\n",
        table(&ROUTING_KEYS)
    )
}

/// The thresholds of engagement.toml.
const THRESHOLDS: [KeyGuide; 4] = [
    may(
        "too_soon_ms",
        "milliseconds, 0 to 600,000",
        "What is done with a mail sooner after its acceptance is a machine's; left out: 5,000.",
    ),
    may(
        "burst_links",
        "a number, 2 to 50",
        "So many different links of one mail are a machine's; left out: 3.",
    ),
    may("burst_ms", "milliseconds, 100 to 600,000", "If they were followed within so long; left out: 2,000."),
    may(
        "honeypot_ms",
        "milliseconds, 1,000 to 600,000",
        "Whoever follows the hidden link of a mail, or of a page that it led to, did what was done with it so long before and after; left out: 60,000.",
    ),
];

/// The keys of an `[[agent]]`.
const AGENT: [KeyGuide; 3] = [
    needed("contains", "3 to 80 characters", "A part of the user agent, in any case, that no browser sends."),
    needed("whose", "one line, up to 80 characters", "What people are told."),
    may("machine", "true or false", "`false` says that people have it, whatever our own list says."),
];

/// The keys of a `[[network]]`.
const NETWORK: [KeyGuide; 3] = [
    needed(
        "cidr",
        "a network, `192.0.2.0/24`",
        "Where only machines are; /24 or wider, for IPv6 /48 or wider.",
    ),
    needed("whose", "one line, up to 80 characters", "What people are told."),
    may("machine", "true or false", "`false` says that people are there, whatever our own list says."),
];

const MACHINES: &str = "version = 1
too_soon_ms = 8000

[[agent]]
contains = \"acme-linkcheck\"
whose = \"our own link checker\"

[[network]]
cidr = \"198.51.100.0/24\"
whose = \"our office, where mails are tested\"
";

/// The reference page of engagement.toml in Markdown.
pub fn engagement_reference() -> String {
    format!(
        "# engagement\n\nTOML, in `{ENGAGEMENT}`: which clicks, page views, downloads, looks at embedded forms and shares are a \
         machine's; who asks for a feed always is one, and who follows an entry of it is judged by that click. We know many mail \
         scanners ourselves; this file adds to that list, takes from it, and says how fast is too fast. It has a `version`, \
         raised with every change. A change judges everything anew that was ever recorded; `partnercast rejudge --dry-run \
         --content DIR` shows what it would change.\n\n{}\n`[[agent]]`: programs by what they call themselves.\n\n{}\n\
         `[[network]]`: where they come from.\n\n{}\nAn example:\n\n```toml\n{MACHINES}```\n",
        table(&THRESHOLDS),
        table(&AGENT),
        table(&NETWORK)
    )
}

/// The keys of attribution.toml.
const CREDIT: [KeyGuide; 5] = [
    needed(
        "version",
        "a number from 1",
        "Raised with every change; each credit names the version that it was made by.",
    ),
    may("primary", "`first_touch` or `last_touch`", "What sources a deal; left out: `first_touch`."),
    may(
        "shares",
        "`linear`, `position` or `decay`",
        "How an amount is parted among all touches: the same to each; 40 % each to the first and the last; or the later the \
         more. Left out: `position`.",
    ),
    may(
        "half_life_days",
        "days, 1 to 365",
        "For `decay`: how long before the amount was said a touch counts half; left out: 30.",
    ),
    may(
        "window_days",
        "days, 1 to 1,095",
        "How long before an amount is said touches count for it; left out: 365.",
    ),
];

const PARTED: &str = "version = 1
primary = \"first_touch\"
shares = \"decay\"
half_life_days = 45
window_days = 540
";

/// The reference page of attribution.toml in Markdown.
pub fn attribution_reference() -> String {
    format!(
        "# attribution\n\nTOML, in `{ATTRIBUTION}`: what is credited with the money that a lead brings. Credit is fixed when an \
         amount is said; a change holds for what is said afterwards. A folder without the file goes by what is given as left \
         out. Required keys are marked *.\n\n{}\nAn example:\n\n```toml\n{PARTED}```\n",
        table(&CREDIT)
    )
}

/// The reference page of calendar.toml in Markdown.
pub fn calendar_reference() -> String {
    format!(
        "# calendar\n\nTOML, in `{CALENDAR}`: when no newsletter leaves, by the reader's own clock. It has a `version`, raised with \
         every change, and any number of two sorts of tables. Required keys are marked *. A newsletter's `when_blocked` says \
         whether a promised time moves or is skipped.\n\n`[[blackout]]`: whole days.\n\n{}\n`[[quiet]]`: a part of each week, \
         or of each day.\n\n{}\nAn example:\n\n```toml\n{EXAMPLE}```\n",
        table(&BLACKOUT),
        table(&QUIET)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::content::{Library, SourceFile};

    fn found(text: &str) -> Vec<String> {
        found_in(CALENDAR, text)
    }

    fn found_in(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
        let findings = Library::build([file]).1.into_iter().filter(|finding| finding.file == path);
        findings.map(|finding| format!("{}; {}", finding.message, finding.fix)).collect()
    }

    #[test]
    fn the_guide_tells_of_every_key_and_its_example_is_right() {
        assert_eq!(found(EXAMPLE), [] as [String; 0]);
        for (table, keys) in [("blackout", &BLACKOUT[..]), ("quiet", &QUIET[..])] {
            let said = found(&format!("version = 1\n[[{table}]]\nzzzzzzzzzzzz = 1\n"));
            let told = said.iter().find(|text| text.contains("zzzz")).unwrap();
            let known: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
            let mut guided: Vec<&str> = keys.iter().map(|guide| guide.key).collect();
            let mut known_sorted = known;
            known_sorted.sort_unstable();
            guided.sort_unstable();
            assert_eq!(known_sorted, guided, "{told}");
        }
    }

    #[test]
    fn the_example_of_credit_is_right_and_every_key_is_told() {
        assert_eq!(found_in(ATTRIBUTION, PARTED), [] as [String; 0]);
        let said = found_in(ATTRIBUTION, "version = 1\nzzzzzzzzzzzz = 1\n");
        let mut known: Vec<&str> = said[0].split('`').skip(3).step_by(2).collect();
        let mut guided: Vec<&str> = CREDIT.iter().map(|guide| guide.key).collect();
        known.sort_unstable();
        guided.sort_unstable();
        assert_eq!(known, guided);
    }

    #[test]
    fn the_example_of_machines_is_right_and_every_key_is_told() {
        assert_eq!(found_in(ENGAGEMENT, MACHINES), [] as [String; 0]);
        for (before, keys) in
            [("", &THRESHOLDS[..]), ("[[agent]]\n", &AGENT[..]), ("[[network]]\n", &NETWORK[..])]
        {
            let said = found_in(ENGAGEMENT, &format!("version = 1\n{before}zzzzzzzzzzzz = 1\n"));
            let told = said.iter().find(|text| text.contains("zzzz")).unwrap();
            for guide in keys {
                assert!(told.contains(guide.key), "{told}");
            }
        }
    }

    #[test]
    fn the_guide_of_routing_tells_of_every_key_and_its_example_is_right() {
        assert_eq!(found_in(ROUTING, DESK), [] as [String; 0]);
        let said = found_in(ROUTING, &format!("zzzzzzzzzzzz = 1\n{DESK}"));
        let told = said.iter().find(|text| text.contains("zzzz")).unwrap();
        for guide in &ROUTING_KEYS {
            assert!(told.contains(guide.key), "{}: {told}", guide.key);
        }
    }

    #[test]
    fn the_example_of_messages_is_right_but_for_who_tells_them() {
        let said = found_in(MESSAGES, HOUSE);
        assert!(said.len() == 2 && said.iter().all(|said| said.contains("no asset tells")), "{said:?}");
    }

    #[test]
    fn the_example_of_limits_is_right_but_for_its_newsletter() {
        let said = found_in(FREQUENCY, LIMITS);
        assert!(said.len() == 1 && said[0].contains("there is no newsletter"), "{said:?}");
    }
}
