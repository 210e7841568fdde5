//! What authors may write, made of what the parser knows: the keys of each kind with an example, what chooses readers,
//! merge fields, zones, and what `check` may find.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Serialize;

use crate::{
    domain::{
        content::{
            AssetKind,
            asset::Zone,
            field::{Field, Scope},
            finding::{Severity, codes},
            guide::{self, KeyGuide},
            zone::ZonePolicy,
        },
        kernel::Error,
        partner::{AudienceRole, PartnerType, Region, Tier},
    },
    web::{
        error::Problem,
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{chart::Badge, form::Choice, with_code},
    },
    work::Context,
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// The kinds, with their pages.
    pub kinds: Vec<Choice>,
    /// The kind shown; what all kinds share without one.
    pub kind: Option<Kind>,
    /// What chooses readers: a condition's word, and what may follow it.
    pub conditions: Vec<Line>,
    /// Merge fields.
    pub fields: Vec<Line>,
    /// What a partner may vary.
    pub zones: Vec<&'static str>,
    /// What happens where a partner has no text for one.
    pub policies: Vec<Line>,
    /// What `check` may find.
    pub codes: Vec<CodeLine>,
}

/// A kind of asset.
#[derive(Debug, Serialize)]
pub struct Kind {
    /// Its word.
    pub word: &'static str,
    /// Where its files are.
    pub folder: &'static str,
    /// Its keys.
    pub keys: Vec<KeyLine>,
    /// The forms of its cadence, if it has one, each with what it means.
    pub cadences: Vec<Line>,
    /// What the text below the keys is, HTML.
    pub body: String,
    /// A whole file.
    pub example: &'static str,
}

/// A key of the front matter.
#[derive(Debug, Serialize)]
pub struct KeyLine {
    /// What is written before the colon.
    pub key: &'static str,
    /// What is written after it, HTML.
    pub wants: String,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it says, HTML.
    pub meaning: String,
}

/// A word and what it means.
#[derive(Debug, Serialize)]
pub struct Line {
    /// What is written.
    pub word: String,
    /// What it means, HTML.
    pub meaning: String,
}

/// A rule of `check`.
#[derive(Debug, Serialize)]
pub struct CodeLine {
    /// Whether it keeps content from being taken.
    pub badge: Badge,
    /// Where links lead.
    pub id: &'static str,
    /// What it says, HTML.
    pub meaning: String,
}

/// `GET /reference`
pub async fn page(State(ctx): State<Arc<Context>>) -> Answer {
    show(&ctx, None)
}

/// `GET /reference/{kind}`
pub async fn kind(State(ctx): State<Arc<Context>>, Path(word): Path<String>) -> Answer {
    let known = || AssetKind::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let kind = AssetKind::parse(&word).ok_or_else(|| {
        Problem::from(Error::not_found_but(format!("a kind `{word}`"), format!("there are {}", known())))
    })?;
    show(&ctx, Some(kind))
}

fn show(ctx: &Context, kind: Option<AssetKind>) -> Answer {
    let title = kind.map_or("Reference", AssetKind::as_str);
    let frame = Frame::new(ctx, Area::Preview, title, "/reference");
    respond::page(ctx, "preview/reference", &frame, &View::of(kind))
}

impl View {
    fn of(kind: Option<AssetKind>) -> Self {
        let kinds = AssetKind::WORDS.iter();
        Self {
            kinds: kinds
                .map(|(word, _)| Choice { value: format!("/reference/{word}"), label: (*word).to_owned() })
                .collect(),
            kind: kind.map(|kind| Kind {
                word: kind.as_str(),
                folder: kind.folder(),
                keys: guide::keys(kind).into_iter().map(key_line).collect(),
                cadences: guide::cadences(kind).iter().map(|form| cadence_line(*form)).collect(),
                body: with_code(guide::body(kind)),
                example: guide::example(kind),
            }),
            conditions: conditions(),
            fields: Field::ALL.iter().map(|field| field_line(*field)).collect(),
            zones: Zone::WORDS.iter().map(|(word, _)| *word).collect(),
            policies: ZonePolicy::WORDS.iter().map(|(word, policy)| policy_line(word, *policy)).collect(),
            codes: codes::CODES
                .iter()
                .map(|code| CodeLine {
                    badge: match code.severity {
                        Severity::Error => Badge::new("bad", "error"),
                        _ => Badge::new("warn", code.severity.as_str()),
                    },
                    id: code.id,
                    meaning: with_code(code.meaning),
                })
                .collect(),
        }
    }
}

fn conditions() -> Vec<Line> {
    fn listed<'w>(words: impl Iterator<Item = &'w str>) -> String {
        words.collect::<Vec<_>>().join(", ")
    }
    let roles = listed(AudienceRole::ALL.iter().map(|role| role.as_str()));
    let [tiers, types, regions] = [
        listed(Tier::WORDS.iter().map(|(word, _)| *word)),
        listed(PartnerType::WORDS.iter().map(|(word, _)| *word)),
        listed(Region::WORDS.iter().map(|(word, _)| *word)),
    ];
    let line = |word: &str, meaning: String| Line { word: word.to_owned(), meaning: with_code(&meaning) };
    vec![
        line("role", format!("{roles}; what has no word before it is about roles")),
        line("tier", format!("{tiers}; `gold+` means gold and above")),
        line("type", types),
        line("region", regions),
        line("vertical", "what the partner's customers do, as the roster says it".to_owned()),
        line("solution", "what the partner sells, as the roster says it".to_owned()),
        line("locale", "a language, such as de or pt-BR".to_owned()),
    ]
}

fn field_line(field: Field) -> Line {
    let mut meaning = field.meaning().to_owned();
    if field.may_be_empty() {
        meaning.push_str(" Some have none: give a default.");
    }
    if !field.allowed_in(Scope::Common) {
        let place = if field.allowed_in(Scope::Letter) { "newsletters and issues" } else { "playbooks" };
        meaning.push_str(&format!(" In {place} alone."));
    }
    Line { word: format!("{{{{ {} }}}}", field.as_str()), meaning: with_code(&meaning) }
}

fn key_line(KeyGuide { key, wants, is_required, meaning }: KeyGuide) -> KeyLine {
    KeyLine { key, wants: with_code(wants), is_required, meaning: with_code(meaning) }
}

fn cadence_line((form, meaning): (&str, &str)) -> Line {
    Line { word: form.to_owned(), meaning: with_code(meaning) }
}

fn policy_line(word: &str, policy: ZonePolicy) -> Line {
    let meaning = match policy {
        ZonePolicy::Fallback => "What the author writes inside stands there; so it is where nothing is said.",
        ZonePolicy::Optional => "The block is left out.",
        ZonePolicy::Required => "The partner does not get the asset until they have one.",
    };
    Line { word: word.to_owned(), meaning: with_code(meaning) }
}

#[cfg(test)]
impl View {
    /// Of one kind.
    pub fn sample() -> Self {
        Self::of(Some(AssetKind::Kit))
    }
}
