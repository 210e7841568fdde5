//! A promise around the world: one line a zone on one axis of time.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::Serialize;

use super::{
    chart::{Badge, Tone, percent},
    when::{left, span, time_of_day},
};
use crate::{
    domain::kernel::clock::{HOUR_MS, UtcMs},
    store::promises::Promise,
};

/// The lines and their axis.
#[derive(Debug, Clone, Serialize)]
pub struct World {
    /// The issue.
    pub title: String,
    /// `09:00 on Tue 12 Jan 2027`, the readers' own time.
    pub promise: String,
    /// Accepted by the next hop.
    pub accepted: i64,
    /// Recipients.
    pub recipients: i64,
    /// Where the present stands on the axis, in percent.
    pub now: f64,
    /// Marks of the axis.
    pub ticks: Vec<Tick>,
    /// In order of time.
    pub zones: Vec<ZoneLine>,
    /// The drawing in words.
    pub says: String,
}

/// A mark of the axis.
#[derive(Debug, Clone, Serialize)]
pub struct Tick {
    /// Where, in percent.
    pub at: f64,
    /// What stands there.
    pub text: String,
}

/// A zone.
#[derive(Debug, Clone, Serialize)]
pub struct ZoneLine {
    /// The partners' cities in it.
    pub city: String,
    /// What clocks there say.
    pub local_now: String,
    /// When the promise is due there, in local time.
    pub due: String,
    /// Where the promise stands on the axis, in percent.
    pub at: f64,
    /// `kept`, `part`, `late`, or empty.
    pub tone: Tone,
    /// `3 readers`.
    pub people: String,
    /// How it went.
    pub badge: Badge,
}

impl World {
    /// Draws `promises` as they stand at `now_ms`; `cities` names the places of a zone, `own` is the vendor's zone,
    /// which the axis is in, and `whose` says whose clock the promise goes by.
    pub fn of(
        title: &str,
        promises: &[Promise],
        cities: &BTreeMap<String, Vec<String>>,
        own: Tz,
        whose: &str,
        now_ms: UtcMs,
    ) -> Self {
        let first = promises.iter().map(|promise| promise.due_ms).min().unwrap_or(now_ms);
        let last = promises.iter().map(|promise| promise.due_ms).max().unwrap_or(now_ms);
        let margin = ((last - first) / 20).max(HOUR_MS / 2);
        let (from, to) = (first - margin, last + margin);
        let at = |ms: UtcMs| percent(ms - from, to - from);
        let recipients = promises.iter().map(|promise| promise.recipients).sum();
        let accepted = promises.iter().map(|promise| promise.accepted).sum();
        Self {
            title: title.to_owned(),
            promise: promises
                .first()
                .map(|promise| nominal(&promise.nominal_local, whose))
                .unwrap_or_default(),
            accepted,
            recipients,
            now: at(now_ms),
            ticks: ticks(from, to, own, &at),
            zones: promises.iter().map(|promise| line(promise, cities, now_ms, at(promise.due_ms))).collect(),
            says: format!(
                "The axis shows {} time ({}). A filled dot is a promise kept: the next mail server accepted the mail \
                 within the time allowed.",
                own.name().rsplit('/').next().unwrap_or("local").replace('_', " "),
                time_of_day(now_ms, own).rsplit(' ').next().unwrap_or_default(),
            ),
        }
    }
}

/// `2027-01-12T09:00` as `Tue 12 Jan 2027, 09:00 each reader’s own time`; `whose` are the last words of it.
pub fn nominal(local: &str, whose: &str) -> String {
    chrono::NaiveDateTime::parse_from_str(local, "%Y-%m-%dT%H:%M")
        .map_or_else(|_| local.to_owned(), |at| format!("{} {whose}", at.format("%a %-d %b %Y, %H:%M")))
}

fn ticks(from: UtcMs, to: UtcMs, own: Tz, at: &dyn Fn(UtcMs) -> f64) -> Vec<Tick> {
    let step = match (to - from) / HOUR_MS {
        ..=4 => HOUR_MS,
        5..=14 => 3 * HOUR_MS,
        _ => 6 * HOUR_MS,
    };
    let mut ticks = Vec::new();
    let mut ms = from - from.rem_euclid(step) + step;
    while ms < to && ticks.len() < 12 {
        let text = time_of_day(ms, own);
        ticks.push(Tick { at: at(ms), text: text.split(' ').next().unwrap_or_default().to_owned() });
        ms += step;
    }
    ticks
}

fn line(promise: &Promise, cities: &BTreeMap<String, Vec<String>>, now_ms: UtcMs, at: f64) -> ZoneLine {
    let place = || promise.zone.rsplit('/').next().unwrap_or(&promise.zone).replace('_', " ");
    let zone: Option<Tz> = promise.zone.parse().ok();
    let (tone, badge) = state(promise, now_ms);
    ZoneLine {
        city: cities.get(&promise.zone).map_or_else(place, |cities| cities.join(", ")),
        local_now: zone.map(|zone| time_of_day(now_ms, zone)).unwrap_or_default(),
        due: zone.map(|zone| time_of_day(promise.due_ms, zone)).unwrap_or_default(),
        at,
        tone,
        people: super::counted(usize::try_from(promise.recipients).unwrap_or(0), "reader", "readers"),
        badge,
    }
}

fn state(promise: &Promise, now_ms: UtcMs) -> (Tone, Badge) {
    if promise.recipients == 0 {
        ("", Badge::new("", "nobody"))
    } else if promise.on_time == promise.recipients {
        ("kept", Badge::new("good", "kept"))
    } else if promise.accepted == promise.recipients {
        ("late", Badge::new("warn", format!("{} late", promise.accepted - promise.on_time)))
    } else if now_ms < promise.due_ms {
        ("", Badge::new("", format!("in {}", span(promise.due_ms - now_ms))))
    } else if promise.accepted > 0 {
        ("part", Badge::new("warn", format!("{} of {}", promise.accepted, promise.recipients)))
    } else {
        ("part", Badge::new("warn", left(promise.due_ms, now_ms).replace("late", "past")))
    }
}

#[cfg(test)]
impl World {
    /// The January issue, half-way around.
    pub fn sample() -> Self {
        let nine = 1_799_766_000_000; // 09:00 in Minneapolis
        let zones: [(&str, &str, i64, i64); 11] = [
            ("Australia/Adelaide", "Adelaide", -990, 2),
            ("Asia/Tokyo", "Osaka", -900, 2),
            ("Asia/Kolkata", "Pune", -690, 3),
            ("Asia/Dubai", "Dubai", -600, 2),
            ("Europe/Oslo", "Cologne, Lyon, Bergen", -420, 7),
            ("Europe/London", "Manchester", -360, 5),
            ("America/Sao_Paulo", "São Paulo", -180, 3),
            ("America/New_York", "New York", -60, 1),
            ("America/Chicago", "Minneapolis", 0, 4),
            ("America/Mexico_City", "Mexico City", 0, 2),
            ("America/Vancouver", "Vancouver", 120, 3),
        ];
        let cities =
            zones.iter().map(|(zone, city, ..)| ((*zone).to_owned(), vec![(*city).to_owned()])).collect();
        let promises: Vec<Promise> = zones
            .iter()
            .map(|(zone, _, minutes, recipients)| Promise {
                nominal_local: "2027-01-12T09:00".into(),
                zone: (*zone).to_owned(),
                due_ms: nine + minutes * 60_000,
                note: None,
                recipients: *recipients,
                accepted: if *minutes < -400 { *recipients } else { i64::from(*minutes < -300) * 3 },
                on_time: match *minutes {
                    -900 => 1,
                    minutes if minutes < -400 => *recipients,
                    _ => 0,
                },
            })
            .collect();
        Self::of(
            "Restores, not backups",
            &promises,
            &cities,
            chrono_tz::Europe::Oslo,
            "each reader’s own time",
            nine - 355 * 60_000,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_in_order_and_say_how_it_went() {
        let world = World::sample();
        let said: Vec<&str> = world.zones.iter().map(|zone| zone.badge.text.as_str()).collect();
        assert_eq!(&said[..7], ["kept", "1 late", "kept", "kept", "kept", "3 of 5", "in 2 h 55 min"]);
        assert!(world.zones.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(world.zones.iter().all(|zone| (0.0..=100.0).contains(&zone.at)));
        assert_eq!(nominal("2027-01-12T09:00", "in Europe/Oslo"), "Tue 12 Jan 2027, 09:00 in Europe/Oslo");
    }
}
