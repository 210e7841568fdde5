//! What the overview warns of.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    store::let_down::Silenced,
    web::view::{self, counted},
    work::{Context, figures::Overview, kept::Occurrence},
};

/// Something that keeps a promise from being kept unless somebody mends it.
#[derive(Debug, Serialize)]
pub struct Alarm {
    /// What it is, in a few words.
    pub title: String,
    /// What follows.
    pub text: String,
    /// Where more is said.
    pub href: String,
}

/// What is wrong with the content folder, which issue cannot be frozen, and which promises were broken or reach nobody.
pub fn alarms(ctx: &Context, figures: &Overview) -> Vec<Alarm> {
    const HREF: &str = "/console/content";
    let refused = ctx.refused_findings().len();
    let folder = (refused > 0).then(|| Alarm {
        title: format!("The content folder has {}", counted(refused, "error", "errors")),
        text: "Nothing new of it is taken until that is mended; the content before it is in use.".to_owned(),
        href: HREF.to_owned(),
    });
    let faults = ctx.publishing_faults().into_iter().map(|fault| Alarm {
        title: "An issue cannot be frozen".to_owned(),
        text: fault,
        href: HREF.to_owned(),
    });
    let broken = figures.broken.iter().map(|broken| broken_alarm(broken, &figures.for_a_person));
    folder
        .into_iter()
        .chain(faults)
        .chain(broken)
        .chain(figures.silenced.iter().map(silenced_alarm))
        .collect()
}

fn silenced_alarm(issue: &Silenced) -> Alarm {
    let Silenced { newsletter, nominal_date, people, because } = issue;
    Alarm {
        title: format!("{newsletter} of {nominal_date} reaches nobody"),
        text: format!(
            "Limits leave out everybody it is for ({}), such as: {}. Allow more in rules/frequency.toml, or give it a place in \
             `priority` there.",
            counted(usize::try_from(*people).unwrap_or_default(), "person", "people"),
            because.as_deref().unwrap_or_default()
        ),
        href: format!("/console/promises/{newsletter}/{nominal_date}"),
    }
}

/// `for_a_person` counts messages that wait for a person, by issue.
fn broken_alarm(
    (newsletter, occurrence): &(String, Occurrence),
    for_a_person: &BTreeMap<String, i64>,
) -> Alarm {
    let date = occurrence.date();
    let because = occurrence.because.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let counts = format!(
        "{} of {} readers had it in time, {} by now",
        occurrence.on_time, occurrence.eligible, occurrence.accepted
    );
    let (title, text) = match occurrence.verdict {
        Some(verdict) => {
            let waiting = occurrence.issue_id.as_ref().and_then(|issue| for_a_person.get(issue));
            let waiting = waiting.map(|count| format!("; {}", view::for_a_person(*count)));
            let text = format!("{counts}{}{because}", waiting.unwrap_or_default());
            (format!("{newsletter} of {date} is {verdict}"), text)
        }
        None => (
            format!("{newsletter} of {date} is promised, and there is no issue"),
            format!("{} readers wait for it{because}", occurrence.eligible),
        ),
    };
    Alarm { title, text, href: format!("/console/promises/{newsletter}/{date}") }
}
