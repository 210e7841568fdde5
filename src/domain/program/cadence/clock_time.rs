//! Reading a time of the day: `09:00`, and what else can be read in one way only.

use chrono::NaiveTime;

/// Why a time is refused, and what it may have been meant to be.
pub(super) struct Fault {
    pub(super) why: String,
    pub(super) meant: Option<NaiveTime>,
}

/// `09:00`, `9:00`, `9am`, `9:30 p.m.`, `noon`.
pub(super) fn read(words: &[&str]) -> Result<NaiveTime, Fault> {
    let text =
        words.concat().replace("a.m.", "am").replace("p.m.", "pm").replace("a.m", "am").replace("p.m", "pm");
    let fault = |why: &str, meant| Fault { why: why.to_owned(), meant };
    if words.len() > 2 {
        return Err(several(words));
    }
    match text.as_str() {
        "noon" | "midday" => return Ok(hour(12)),
        "midnight" => {
            return Err(fault("midnight begins a day and ends one; its beginning is 00:00", Some(hour(0))));
        }
        "24:00" => return Err(fault("a day ends at 23:59, and 24:00 is 00:00 of the next", at(23, 59))),
        "12am" | "12:00am" => {
            return Err(fault(
                "12 am is midnight to some and noon to others; midnight is 00:00",
                Some(hour(0)),
            ));
        }
        "12pm" | "12:00pm" => {
            return Err(fault("12 pm is noon to some and midnight to others; noon is 12:00", Some(hour(12))));
        }
        _ => {}
    }
    let (digits, afternoon) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(false)),
        (_, Some(digits)) => (digits, Some(true)),
        _ => (text.as_str(), None),
    };
    let parts = match (digits.split_once(':'), afternoon) {
        (Some((hour, minute)), _) if minute.len() == 2 => number(hour).zip(number(minute)),
        (None, Some(_)) => number(digits).zip(Some(0)),
        _ => None,
    };
    let time = match (parts, afternoon) {
        (Some((hour, minute)), None) => at(hour, minute),
        (Some((hour @ 1..=11, minute)), Some(false)) => at(hour, minute),
        (Some((hour @ 1..=11, minute)), Some(true)) => at(hour + 12, minute),
        _ => None,
    };
    time.ok_or_else(|| several(words))
}

/// No time, or more than one.
fn several(words: &[&str]) -> Fault {
    let times =
        words.iter().filter(|word| word.contains(':') || word.ends_with("am") || word.ends_with("pm"));
    let why = if times.count() > 1 || words.contains(&"and") {
        "an issue is known by its day, so a newsletter comes at one time of the day, and another time is another newsletter"
    } else {
        "the time after `at` is HH:MM on the 24-hour clock, such as `at 09:00`"
    };
    Fault { why: why.to_owned(), meant: guess(&words.join(" ")) }
}

/// What the first digits say.
fn guess(text: &str) -> Option<NaiveTime> {
    let mut groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let first = groups.next()?;
    if let (4, Some((hour, minute))) = (first.len(), first.split_at_checked(2)) {
        return at(hour.parse().ok()?, minute.parse().ok()?);
    }
    let minute = groups.next().filter(|group| group.len() == 2).and_then(number);
    let hour = number(first)?;
    let hour = if text.contains("pm") && hour < 12 { hour + 12 } else { hour };
    at(hour, minute.unwrap_or(0)).or_else(|| at(hour, 0))
}

/// One or two digits.
fn number(text: &str) -> Option<u32> {
    (matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn at(hour: u32, minute: u32) -> Option<NaiveTime> {
    NaiveTime::from_hms_opt(hour, minute, 0)
}

/// A full hour below 24.
pub(super) fn hour(hour: u32) -> NaiveTime {
    at(hour, 0).unwrap_or_default()
}
