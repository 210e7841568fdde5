//! A cadence as an English sentence, with what happens in months that lack the day.

use chrono::{Datelike, Month};
use cron::{Schedule, TimeUnitSpec};

use super::{
    MonthDay, Rule,
    crontab::{self, DAYS_IN_MONTH},
    hm, weekday_name,
    words::{WEEKDAYS, list, number_list},
};

pub(super) fn sentence(rule: &Rule) -> String {
    match rule {
        Rule::Daily(time) => format!("every day at {}", hm(*time)),
        Rule::BusinessDaily(time) => format!("every business day (Monday to Friday) at {}", hm(*time)),
        Rule::Weekly(day, time) => format!("every {} at {}", weekday_name(*day), hm(*time)),
        Rule::EveryWeeks { weeks, from, time } => {
            let rhythm = if *weeks == 1 { "every week".to_owned() } else { format!("every {weeks} weeks") };
            let day = weekday_name(from.weekday());
            format!("{rhythm} on {day} at {}, counted from {from}", hm(*time))
        }
        Rule::Monthly(day, time) => format!("{} at {}{}", day.of("month"), hm(*time), day.clamp_note()),
        Rule::Quarterly(day, time) => format!("{} at {}{}", day.of("quarter"), hm(*time), day.clamp_note()),
        Rule::Cron(schedule) => pattern(schedule),
    }
}

impl MonthDay {
    /// `the second Tuesday of each month`.
    fn of(self, period: &str) -> String {
        match self {
            Self::Nth(..) => format!("the {self} of each {period}"),
            Self::FirstBusinessDay | Self::LastBusinessDay => {
                format!("the {self} (Monday to Friday) of each {period}")
            }
            Self::Numbered(day) if period == "month" => format!("on day {day} of each month"),
            Self::Numbered(day) => format!("on day {day} of each quarter's first month"),
        }
    }

    /// What happens in months that lack the day.
    fn clamp_note(self) -> String {
        match self {
            Self::Numbered(day) if day > 28 => {
                format!(", or on the month's last day where there is no day {day}")
            }
            _ => String::new(),
        }
    }
}

/// `on day 31 of each month at 09:00 (cron `0 9 31 * *`), and never in months without a day 31`.
fn pattern(schedule: &Schedule) -> String {
    let days: Vec<u32> = schedule.days_of_month().iter().collect();
    let months: Vec<u32> = schedule.months().iter().collect();
    let names: Vec<&str> = months
        .iter()
        .filter_map(|number| Month::try_from(u8::try_from(*number).ok()?).ok())
        .map(|month| month.name())
        .collect();
    let (every_weekday, every_month) = (schedule.days_of_week().is_all(), schedule.months().is_all());
    let by_number = !schedule.days_of_month().is_all();
    let when = if by_number {
        format!("on day{} {}", if days.len() == 1 { "" } else { "s" }, number_list(&days))
    } else if every_weekday {
        "every day".to_owned()
    } else {
        let named = |day: &&chrono::Weekday| schedule.days_of_week().includes(day.number_from_sunday());
        let names: Vec<&str> = WEEKDAYS.iter().filter(named).map(|day| weekday_name(*day)).collect();
        format!("every {}", list(&names))
    };
    let of = match (by_number, every_month) {
        (true, true) => " of each month".to_owned(),
        (true, false) => format!(" of {}", list(&names)),
        (false, true) => String::new(),
        (false, false) => format!(" in {}", list(&names)),
    };
    let time = hm(crontab::time_of(schedule));
    let note = if by_number { missing_days(&days, &months) } else { String::new() };
    format!("{when}{of} at {time} (cron `{}`){note}", crontab::fields(schedule))
}

/// Unlike `monthly on day 31`, cron leaves a month out that lacks the day.
fn missing_days(days: &[u32], months: &[u32]) -> String {
    let common = |month: &u32| if *month == 2 { 28 } else { DAYS_IN_MONTH[*month as usize - 1] };
    let shortest = months.iter().map(common).min().unwrap_or(31);
    match days {
        [29] if months == [2] => ", so only in leap years".to_owned(),
        [day] if *day > shortest => format!(", and never in months without a day {day}"),
        [.., last] if *last > shortest => ", leaving out days that a month lacks".to_owned(),
        _ => String::new(),
    }
}
