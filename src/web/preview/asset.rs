//! An asset in one pane or two, with what can be chosen.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Extension,
    extract::{Path, Query, State},
};
use serde::Serialize;

use super::{Asked, Found, Pane, channel, eyes, tried::tried};
use crate::{
    domain::{
        content::{Asset, Library},
        kernel::{Error, Result},
        partner::AudienceRole,
    },
    web::{
        console::content::Select,
        frame::{Area, Frame},
        respond::{self, Answer},
        view::form::Choice,
    },
    work::{
        Context,
        preview::{Channel, Eyes, Preview, Rendition, Shown, channels},
    },
};

/// Widths that people look at most, in CSS pixels.
const WIDTHS: [(&str, &str); 4] = [
    ("", "as wide as there is room"),
    ("360", "360 px, a phone"),
    ("600", "600 px, a mail"),
    ("1024", "1024 px"),
];

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Which state of the folder is shown.
    pub version: u64,
    /// Its title.
    pub title: String,
    /// Its reference.
    pub reference: String,
    /// What can be chosen for each pane.
    pub panes: Vec<PaneView>,
    /// Whether there are two.
    pub beside: bool,
    /// Whether mail and text are shown dark.
    pub dark: bool,
    /// How wide.
    pub width: Select,
    /// Findings in its files.
    pub found: Found,
    /// Where "send me this" leads; none without a relay.
    pub send: Option<String>,
    /// Whether it is a mail at all.
    pub is_mail: bool,
}

/// One pane.
#[derive(Debug, Serialize)]
pub struct PaneView {
    /// 1 or 2.
    pub number: usize,
    /// Whose eyes and what channel, for the frame's title.
    pub says: String,
    /// The subject of a mail.
    pub subject: Option<String>,
    /// Partner, role, language, channel.
    pub choices: Vec<Select>,
    /// The frame's address.
    pub src: String,
    /// Whether it is a PDF, which browsers show in a viewer of their own.
    pub is_document: bool,
    /// CSS width of the frame in pixels; empty for all there is.
    pub width: String,
}

/// `GET /assets/{reference}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Extension(preview): Extension<Arc<Preview>>,
    Path(reference): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let (shown, library) = (preview.shown(), ctx.library());
    let versions = library.versions(&reference);
    let original = versions.first().ok_or_else(|| {
        Error::not_found_but(
            format!("{reference} in the folder"),
            "it may have been renamed; go back to the list",
        )
    })?;
    let width = WIDTHS.iter().find(|(value, _)| *value == asked.width).map_or("", |(value, _)| value);
    let (mut panes, mut partners) = (Vec::new(), Vec::new());
    for (number, pane) in (1..).zip(asked.panes()) {
        let eyes = eyes(&preview, original, pane).await?;
        partners.push(eyes.partner.slug.to_string());
        let look = Look { number, pane, eyes };
        panes.push(pane_view(&preview, (&library, &shown), original, look, &asked, width).await?);
    }
    let mut paths: Vec<String> = versions.iter().map(|version| version.path.clone()).collect();
    paths.extend(partners.iter().map(|slug| format!("roster/brands/{slug}/brand.toml")));
    paths.push("roster/partners.csv".to_owned());
    let tried = tried(&ctx, &shown, original).await?;
    let is_mail = channels(original).contains(&Channel::Mail);
    let option =
        |(value, label): &(&str, &str)| Choice { value: (*value).to_owned(), label: (*label).to_owned() };
    let view = View {
        version: shown.version,
        title: original.front.title.as_str().to_owned(),
        beside: !asked.beside.is_empty(),
        dark: !asked.dark.is_empty(),
        width: Select {
            name: "width",
            label: "Width",
            value: width.to_owned(),
            options: WIDTHS.iter().map(option).collect(),
        },
        found: Found::of(&shown, &paths, tried.as_ref()),
        send: (is_mail && preview.can_send()).then(|| format!("/send/{reference}{}", asked.query())),
        is_mail,
        panes,
        reference,
    };
    let frame = Frame::new(&ctx, Area::Preview, &view.title, "/");
    respond::page(&ctx, "preview/asset", &frame, &view)
}

/// A pane, and whose eyes it looks through.
struct Look<'a> {
    number: usize,
    pane: Pane<'a>,
    eyes: Eyes,
}

async fn pane_view(
    preview: &Preview,
    (library, shown): (&Library, &Shown),
    asset: &Asset,
    Look { number, pane, eyes }: Look<'_>,
    asked: &Asked,
    width: &str,
) -> Result<PaneView> {
    let channel = channel(asset, pane)?;
    let choice = |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned() };
    let name = |first: &'static str, second: &'static str| if number == 1 { first } else { second };
    let role = eyes.role.map(AudienceRole::as_str).unwrap_or_default();
    let mut languages: BTreeSet<&str> =
        library.assets.iter().filter_map(|asset| Some(asset.locale.as_ref()?.as_str())).collect();
    languages.extend(library.vendor.as_ref().map(|vendor| vendor.default_locale.as_str()));
    languages.insert(eyes.locale.as_str());
    let choices = vec![
        Select {
            name: name("partner", "partner2"),
            label: "Partner",
            value: eyes.partner.slug.to_string(),
            options: shown
                .partners
                .iter()
                .map(|partner| choice(partner.slug.as_str(), &partner.name))
                .collect(),
        },
        Select {
            name: name("role", "role2"),
            label: "Role",
            value: role.to_owned(),
            options: std::iter::once(choice("", "all roles"))
                .chain(AudienceRole::ALL.iter().map(|role| choice(role.as_str(), role.as_str())))
                .collect(),
        },
        Select {
            name: name("lang", "lang2"),
            label: "Language",
            value: pane.lang.to_owned(),
            options: std::iter::once(choice("", &format!("their own, {}", eyes.partner.locale)))
                .chain(languages.into_iter().map(|tag| choice(tag, tag)))
                .collect(),
        },
        Select {
            name: name("channel", "channel2"),
            label: "Channel",
            value: channel.as_str().to_owned(),
            options: channels(asset).iter().map(|one| choice(one.as_str(), one.as_str())).collect(),
        },
    ];
    let frame = Asked {
        partner: eyes.partner.slug.to_string(),
        role: role.to_owned(),
        lang: eyes.locale.to_string(),
        channel: channel.as_str().to_owned(),
        dark: asked.dark.clone(),
        ..Asked::default()
    };
    // What cannot be rendered says so in its frame.
    let subject = match &channel {
        Channel::Mail => match preview.rendition(&asset.reference, &channel, &eyes).await {
            Ok(Rendition::Mail(mail)) => Some(mail.subject),
            _ => None,
        },
        _ => None,
    };
    let whom = if role.is_empty() { "everybody" } else { role };
    Ok(PaneView {
        number,
        says: format!("{} for {whom} at {}, {}", channel.as_str(), eyes.partner.name, eyes.locale),
        choices,
        subject,
        src: format!("/frames/{}{}", asset.reference, frame.query()),
        is_document: channel == Channel::Document,
        width: width.to_owned(),
    })
}

#[cfg(test)]
impl View {
    /// Two panes, dark, on a phone.
    pub fn sample() -> Self {
        let pane = |number| PaneView {
            number,
            says: "mail for sales at Northlight MSP, en-US".into(),
            subject: Some("Restores, not backups: your part in January".into()),
            choices: vec![Select {
                name: if number == 1 { "role" } else { "role2" },
                label: "Role",
                value: "sales".into(),
                options: vec![Choice { value: "sales".into(), label: "sales".into() }],
            }],
            src: "/frames/newsletters/fold-forward/2027-01-12?role=sales".into(),
            is_document: number == 2,
            width: "360".into(),
        };
        Self {
            version: 3,
            title: "Restores, not backups: your part in January".into(),
            reference: "newsletters/fold-forward/2027-01-12".into(),
            panes: vec![pane(1), pane(2)],
            beside: true,
            dark: true,
            width: Select { name: "width", label: "Width", value: "360".into(), options: Vec::new() },
            found: Found::sample(),
            send: Some("/send/newsletters/fold-forward/2027-01-12?role=sales".into()),
            is_mail: true,
        }
    }
}
