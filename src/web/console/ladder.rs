//! The outcome ladder: drawn, printed, filtered, each number a link to its rows.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::{asset_title, dead_letters::Chosen};
use crate::{
    domain::{
        content::merge::percent_encoded,
        lead::ladder::{CREDIT, Rung, Unit},
    },
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{chart::Bar, form::Choice},
    },
    work::{
        Context,
        ladder::{self, Asked, Group, Step},
        names::Names,
    },
};

/// Where it is.
pub const PATH: &str = "/console/ladder";

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// What can be chosen.
    pub choices: Vec<Chosen>,
    /// An asset's reference, as typed.
    pub asset: String,
    /// All that may be typed there.
    pub assets: Vec<Choice>,
    /// First day.
    pub from: String,
    /// Last day.
    pub to: String,
    /// What is chosen, for paper.
    pub of: String,
    /// From the top.
    pub rungs: Vec<Line>,
    /// Whether there is anything on any of them.
    pub empty: bool,
    /// Whether anything is chosen.
    pub filtered: bool,
    /// How leads are credited.
    pub credit: &'static str,
    /// What the groups are.
    pub by: String,
    /// Heads of the groups' columns.
    pub heads: Vec<&'static str>,
    /// A ladder a group.
    pub groups: Vec<GroupLine>,
}

/// A rung.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its name.
    pub label: &'static str,
    /// Its word.
    pub word: &'static str,
    /// How many.
    pub count: i64,
    /// Its rows.
    pub href: String,
    /// What it counts, where that is another thing than on the rung above.
    pub counts: Option<&'static str>,
    /// Drawn against the most of what counts the same; nothing where no other rung does.
    pub bar: Option<Bar>,
    /// `12.5 % of the rung below`
    pub share: String,
    /// Exactly what it counts.
    pub means: &'static str,
}

/// A group's numbers.
#[derive(Debug, Serialize)]
pub struct GroupLine {
    /// Its name.
    pub name: String,
    /// From the top, with the rows of each.
    pub cells: Vec<Cell>,
}

/// A number of a group.
#[derive(Debug, Serialize)]
pub struct Cell {
    /// What it counts.
    pub label: &'static str,
    /// How many.
    pub count: i64,
    /// Its rows; none where the group has no name to ask by.
    pub href: Option<String>,
}

/// What is chosen, in the address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    partner: String,
    kit: String,
    asset: String,
    newsletter: String,
    from: String,
    to: String,
    by: String,
    pub(super) at: i64,
    pub(super) key: String,
    pub(super) use_of: String,
}

impl Wanted {
    pub(super) fn asked(&self) -> Asked {
        let word = |text: &str| text.trim().to_owned();
        Asked {
            partner: word(&self.partner),
            kit: word(&self.kit),
            asset: word(&self.asset),
            newsletter: word(&self.newsletter),
            from: word(&self.from),
            to: word(&self.to),
        }
    }
}

/// `asked` as a query, with `more`.
pub(super) fn query(asked: &Asked, more: &[(&str, &str)]) -> String {
    let of = [
        ("partner", asked.partner.as_str()),
        ("kit", &asked.kit),
        ("asset", &asked.asset),
        ("newsletter", &asked.newsletter),
        ("from", &asked.from),
        ("to", &asked.to),
    ];
    let said: Vec<String> = of
        .iter()
        .chain(more)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
        .collect();
    if said.is_empty() { String::new() } else { format!("?{}", said.join("&")) }
}

pub(super) fn rows_at(rung: &str, asked: &Asked) -> String {
    format!("{PATH}/{rung}{}", query(asked, &[]))
}

/// What is chosen, in words.
pub(super) fn of(asked: &Asked, names: &Names) -> String {
    let part = |name: &str, value: &str| (!value.is_empty()).then(|| format!("{name} {value}"));
    let parts: Vec<String> = [
        part("partner", names.of(&asked.partner)),
        part("kit", &asked.kit),
        part("asset", &asked.asset),
        part("newsletter", &asked.newsletter),
        part("from", &asked.from),
        part("to", &asked.to),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        "All partners, all content, since the beginning".to_owned()
    } else {
        parts.join(", ")
    }
}

/// `GET /console/ladder`
pub async fn page(State(ctx): State<Arc<Context>>, Query(wanted): Query<Wanted>) -> Answer {
    let asked = wanted.asked();
    let steps = ladder::ladder(&ctx, &asked).await?;
    let group = Group::parse(&wanted.by);
    let groups = match group {
        Some(group) => ladder::by(&ctx, &asked, group).await?,
        None => Vec::new(),
    };
    let library = ctx.library();
    let names = Names::load(&ctx.db).await?;
    let view = View {
        choices: choices(&ctx, &asked, &wanted.by, &names),
        assets: library
            .assets
            .iter()
            .filter(|asset| asset.kind().is_for_customers())
            .map(|asset| Choice {
                value: asset.reference.clone(),
                label: super::authored(asset.front.title.as_str()),
            })
            .collect(),
        of: of(&asked, &names),
        empty: steps.iter().all(|step| step.count == 0),
        filtered: asked != Asked::default(),
        rungs: lines(&asked, &steps),
        credit: CREDIT,
        by: group.map_or_else(String::new, |group| group.as_str().to_owned()),
        heads: Rung::ALL.map(Rung::label).to_vec(),
        groups: groups.into_iter().map(|line| group_line(&ctx, &asked, group, line, &names)).collect(),
        asset: asked.asset.clone(),
        from: asked.from.clone(),
        to: asked.to.clone(),
    };
    respond::page(&ctx, "console/ladder", &Frame::new(&ctx, Area::Console, "Outcome ladder", PATH), &view)
}

fn lines(asked: &Asked, steps: &[Step]) -> Vec<Line> {
    // Messages, uses and people are drawn each against the most of their own.
    let most = |unit: Unit| {
        let same = Rung::ALL.iter().zip(steps).filter(|(rung, _)| rung.unit() == unit);
        same.map(|(_, step)| step.count).max().unwrap_or(0)
    };
    let same = |unit: Unit| Rung::ALL.iter().filter(|rung| rung.unit() == unit).count();
    let mut above = None;
    Rung::ALL
        .into_iter()
        .zip(steps)
        .map(|(rung, step)| {
            let unit = rung.unit();
            let is_new = above.replace(unit) != Some(unit);
            let share = match (step.of_below_percent, rung.below()) {
                (Some(share), Some(below)) => format!("{share} % of {}", below.label().to_lowercase()),
                _ => String::new(),
            };
            let says = format!("{} {}", step.count, rung.label().to_lowercase());
            let tone = if rung == Rung::Won { "good" } else { "brand" };
            Line {
                label: rung.label(),
                word: rung.as_str(),
                count: step.count,
                href: rows_at(rung.as_str(), asked),
                counts: is_new.then(|| unit.label()),
                bar: (same(unit) > 1).then(|| Bar::single(tone, says, step.count, most(unit))),
                share,
                means: rung.means(),
            }
        })
        .collect()
}

fn group_line(
    ctx: &Context,
    asked: &Asked,
    group: Option<Group>,
    line: ladder::Line,
    names: &Names,
) -> GroupLine {
    let mut narrower = asked.clone();
    match group {
        Some(Group::Partner) => narrower.partner.clone_from(&line.name),
        Some(Group::Kit) => narrower.kit.clone_from(&line.name),
        Some(Group::Asset) => narrower.asset.clone_from(&line.name),
        Some(Group::Newsletter) => narrower.newsletter.clone_from(&line.name),
        None => {}
    }
    let library = ctx.library();
    // What is no longer in the content cannot be asked by.
    let can_be_asked = match group {
        Some(Group::Asset) => !library.versions(&line.name).is_empty(),
        Some(Group::Newsletter) => ladder::series(&library).contains(&line.name),
        _ => !line.name.is_empty(),
    };
    let cells = Rung::ALL.into_iter().zip(line.counts).map(|(rung, count)| Cell {
        label: rung.label(),
        count,
        href: can_be_asked.then(|| rows_at(rung.as_str(), &narrower)),
    });
    let name = match group {
        _ if line.name.is_empty() => "none".to_owned(),
        Some(Group::Asset) => asset_title(ctx, &line.name).unwrap_or(line.name),
        Some(Group::Partner) => names.of(&line.name).to_owned(),
        _ => line.name,
    };
    GroupLine { name, cells: cells.collect() }
}

fn choices(ctx: &Context, asked: &Asked, by: &str, names: &Names) -> Vec<Chosen> {
    let library = ctx.library();
    let all = |words: Vec<(String, String)>, none: &str| {
        let first = Choice { value: String::new(), label: none.to_owned() };
        let words = words.into_iter().map(|(value, label)| Choice { value, label });
        std::iter::once(first).chain(words).collect::<Vec<_>>()
    };
    let same = |words: Vec<String>| words.into_iter().map(|word| (word.clone(), word)).collect();
    let partner_words = names.all().map(|(slug, name)| (slug.to_owned(), name.to_owned())).collect();
    let groups = Group::ALL.map(|group| (group.as_str().to_owned(), format!("by {}", group.as_str()))).into();
    vec![
        Chosen {
            name: "partner",
            label: "Partner",
            value: asked.partner.clone(),
            options: all(partner_words, "all"),
        },
        Chosen {
            name: "kit",
            label: "Kit",
            value: asked.kit.clone(),
            options: all(same(ladder::kits(&library).into_keys().collect()), "all"),
        },
        Chosen {
            name: "newsletter",
            label: "Newsletter or sequence",
            value: asked.newsletter.clone(),
            options: all(same(ladder::series(&library)), "all"),
        },
        Chosen { name: "by", label: "Apart", value: by.to_owned(), options: all(groups, "not apart") },
    ]
}

#[cfg(test)]
impl View {
    /// A month; or nothing yet.
    pub fn sample(empty: bool) -> Self {
        let numbers = if empty { [0; 7] } else { [2, 5, 9, 14, 120, 31, 4_812] };
        let steps: Vec<Step> = Rung::ALL
            .into_iter()
            .zip(numbers)
            .map(|(rung, count)| Step {
                rung: rung.as_str(),
                count,
                of_below_percent: rung.stage().map(|_| 33.3).filter(|_| !empty),
                means: rung.means(),
            })
            .collect();
        let choice = |value: &str, label: &str| Choice { value: value.into(), label: label.into() };
        Self {
            choices: vec![Chosen {
                name: "partner",
                label: "Partner",
                value: String::new(),
                options: vec![choice("", "all"), choice("northlight", "Northlight MSP")],
            }],
            asset: String::new(),
            assets: vec![choice("whitepapers/proof-of-recovery", "Proof of recovery")],
            from: if empty { String::new() } else { "2027-01-01".into() },
            to: String::new(),
            of: of(&Asked::default(), &Names::default()),
            rungs: lines(&Asked::default(), &steps),
            empty,
            filtered: !empty,
            credit: CREDIT,
            by: if empty { String::new() } else { "partner".into() },
            heads: Rung::ALL.map(Rung::label).to_vec(),
            groups: if empty {
                Vec::new()
            } else {
                let cell =
                    |(rung, count): (Rung, i64)| Cell { label: rung.label(), count, href: Some("#".into()) };
                vec![GroupLine {
                    name: "northlight".into(),
                    cells: Rung::ALL.into_iter().zip(numbers).map(cell).collect(),
                }]
            },
        }
    }
}
