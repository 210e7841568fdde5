//! Keys of what is mailed: newsletters and their issues, sequences and their messages.

use super::{KeyGuide, may, needed};

pub(super) const NEWSLETTER: &[KeyGuide] = &[
    needed("cadence", "such as `second Tuesday at 09:00`; see the forms", "When it is promised."),
    needed(
        "zone",
        "contact, partner, vendor or an IANA zone",
        "Whose clock the cadence goes by: `contact` is each reader's own, or else their partner's.",
    ),
    may("audience", "roles, tiers, types, regions", "Whom it is for; each left out: all."),
    needed("sender", "name of a [sender.*] in vendor.toml", "Who it comes from."),
    may(
        "freeze_minutes",
        "minutes, 0 to 20160",
        "How long before the time content and audience are fixed; 30.",
    ),
    may(
        "on_time_minutes",
        "minutes, 1 to 1440",
        "How late it is still on time; 15. It is said wherever the figure is that counts what was kept.",
    ),
    may(
        "send_window",
        "days, start, end: `{days: [mon, fri], start: \"08:00\", end: \"18:00\"}`",
        "The hours in which it may leave, in the reader's local time, also when it is late; left out: all.",
    ),
    may(
        "when_blocked",
        "move or skip",
        "When the promised time is outside of them, or `rules/calendar.toml` forbids it: leave at the next allowed time, or not at all; move.",
    ),
    may(
        "catch_up",
        "none, latest or all",
        "Which issues are still sent whose time passed while nothing could send them; latest.",
    ),
    may(
        "catch_up_hours",
        "hours, 0 to 720",
        "How long after its time an issue, or a mail that could not be handed over, is still sent without asking a person; 6. With `catch_up: none` that is `on_time_minutes`.",
    ),
    may(
        "digest_hours",
        "hours, 0 to 24",
        "How long before its own hour an issue may come in the mail of another newsletter that has this key, too; 0 is the same instant. Left out: each comes by itself.",
    ),
    may(
        "staged",
        "pilot, share, wait_minutes: `{pilot: [northlight], share: 10, wait_minutes: 5}`",
        "To whom it goes first: the pilot's partners and addresses as soon as it is approved, a share of a hundred at the hour, the rest so many minutes later. Each waits so long from when the one before really left.",
    ),
    needed("approval", "automatic or required", "Whether a person releases each issue."),
    may(
        "second_approval_above",
        "a number of people",
        "For more recipients a second person must approve it, too; with `approval: required`.",
    ),
    may("escalate_to", "an address of the staff", "Who else is told when nobody approved it in time."),
    needed("why", "one line, fields allowed", "Why the reader gets it."),
];

/// The forms of a newsletter's cadence, each with what it means.
pub(super) const CADENCES: &[(&str, &str)] = &[
    ("second Tuesday at 09:00", "Once a month; `first` to `fourth`, or `last`."),
    (
        "first business day at 09:00",
        "The month's first day from Monday to Friday; public holidays are not known.",
    ),
    ("last business day at 17:00", "The month's last one."),
    (
        "monthly on day 15 at 09:00",
        "By number. `day 29` to `day 31` is the last day of a month that lacks it.",
    ),
    ("weekly on Wednesday at 08:00", "Once a week; `every Wednesday` and `Wednesdays` are read too."),
    ("every 2 weeks from 2027-01-06 at 09:00", "Every so many weeks, counted from a first day."),
    ("every business day at 09:00", "Monday to Friday."),
    ("daily at 09:00", "Every day."),
    (
        "quarterly, first Monday at 09:00",
        "The quarter's first Monday, counted from its begin; `last` from its end.",
    ),
    ("quarterly, last business day at 17:00", "The quarter's last day from Monday to Friday."),
    ("quarterly, on day 15 at 09:00", "A day of the quarter's first month."),
    (
        "0 9 1,15 * *",
        "Cron, for the rest: minute, hour, days of the month, months, weekdays by name. One time of a day, and one of the \
         two day fields `*`. A month that lacks the day is left out.",
    ),
];

pub(super) const ISSUE: &[KeyGuide] = &[
    needed("newsletter", "a slug", "Its newsletter."),
    needed("date", "a date that the cadence promises", "The promised day."),
    needed("subject", "one line, fields allowed, up to 150 characters", "The mail's subject."),
    may(
        "subject_b",
        "one line, fields allowed, up to 150 characters",
        "Another subject, for half of the readers; wants 500 readers of each. People's clicks tell which did better.",
    ),
    needed(
        "preheader",
        "one line, fields allowed, up to 150 characters",
        "What mail programs show after the subject.",
    ),
    needed("theme", "one line", "What it is about, in a few words."),
    may("features", "a list of up to 32 assets", "Cards for the readers that each asset concerns, in order."),
];

pub(super) const SEQUENCE: &[KeyGuide] = &[
    needed("who", "contacts or leads", "Whom it is for: partners' people, or people who filled in a form."),
    needed(
        "enter",
        "`new`, or a list of inquiry, nurturing, recycled",
        "Who enters: contacts who are new since the sequence was first stored; leads in one of these stages.",
    ),
    may("came_through", "kinds, topics", "Of leads, only those whom such an asset brought."),
    may(
        "audience",
        "roles, tiers, types, regions",
        "Whom it is for; each left out: all. Leads have no roles.",
    ),
    may(
        "consent",
        "a purpose of rules/consent.toml",
        "What leads must have agreed to, and not taken back; `follow_up` if left out.",
    ),
    needed("sender", "name of a [sender.*] in vendor.toml", "Who it comes from."),
    needed("why", "one line, fields allowed", "Why the reader gets it."),
    needed(
        "steps",
        "a list of id, after, at, if",
        "What is sent when, up to 50. `id` is the file beside that holds the message: `<sequence>/<id>.md`. `after`: such as \
         `3 days` or `2 weeks`, counted from the step before or from entering, in the reader's calendar. `at`: their time, \
         09:00 if left out. `if`: one of `clicked: <step>`, `not_clicked: <step>`, `took: <asset>`, `not_took: <asset>`; else \
         the step is left out. An asset without a file or a form is taken by opening its page. What machines do does not count.",
    ),
    may(
        "exit",
        "a list of asked-to-talk, clicked: <step>, not_clicked: <step>, took: <asset>, not_took: <asset>",
        "What ends it early, looked at before each step. `not_clicked` is for whom that step's message has reached: who followed no \
         link in it by the time the next step is due gets no more. Whoever unsubscribed, must not be written to, left the partner, took \
         back their consent, or is a lead that a partner works gets no more in any case.",
    ),
    may("then", "a sequence's slug", "What who finishes it enters."),
];

pub(super) const MESSAGE: &[KeyGuide] = &[
    needed("subject", "one line, fields allowed, up to 150 characters", "The mail's subject."),
    needed(
        "preheader",
        "one line, fields allowed, up to 150 characters",
        "What mail programs show after the subject.",
    ),
    may("features", "a list of up to 32 assets", "Cards for the readers that each asset concerns, in order."),
];
