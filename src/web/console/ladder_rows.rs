//! The rows behind a number of the outcome ladder, a page at a time or as a file.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use chrono_tz::Tz;
use serde::Serialize;

use super::{
    asset_title,
    ladder::{PATH, Wanted, of, query, rows_at},
};
use crate::{
    domain::{kernel::Error, lead::ladder::Rung},
    render::table,
    store::ladder::{After, Row},
    web::{
        frame::{self, Area, Frame},
        respond::{self, Answer},
        view::{chart::Badge, counted, lead, when::Moment},
    },
    work::{Context, ladder, names::Names},
};

/// The rows behind a number.
#[derive(Debug, Serialize)]
pub struct RowsView {
    /// The rung's name.
    pub title: &'static str,
    /// What it counts.
    pub means: &'static str,
    /// What is chosen.
    pub of: String,
    /// Back to the ladder.
    pub back: String,
    /// The same as a file.
    pub csv: String,
    /// What the first columns are.
    pub heads: Vec<&'static str>,
    /// This page's rows.
    pub rows: Vec<RowLine>,
    /// The first page, on later ones.
    pub first: Option<String>,
    /// The next page.
    pub next: Option<String>,
}

/// A row.
#[derive(Debug, Serialize)]
pub struct RowLine {
    /// Who, or which partner.
    pub name: String,
    /// Its page.
    pub href: Option<String>,
    /// An address.
    pub email: String,
    /// Whose partner.
    pub partner: String,
    /// Asset, newsletter, or both.
    pub what: String,
    /// A lead's stage now.
    pub badge: Option<Badge>,
    /// `3 times`, where it was more than once.
    pub times: Option<String>,
    /// When.
    pub at: Moment,
    /// When for the last time, if that is another.
    pub last: Option<Moment>,
}

/// `GET /console/ladder/{rung}`, and the same with `.csv`.
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(rung): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let asked = wanted.asked();
    let of_rung = |word: &str| Rung::parse(word).ok_or_else(|| Error::not_found("this rung of the ladder"));
    if let Some(word) = rung.strip_suffix(".csv") {
        let rows = ladder::export(&ctx, &asked, of_rung(word)?).await?;
        let cells = rows.iter().map(|row| row.each_ref().map(String::as_str));
        let text = table::csv(std::iter::once(ladder::COLUMNS).chain(cells))?;
        return Ok(respond::attachment(
            "text/csv; charset=utf-8",
            &format!("ladder-{word}.csv"),
            text.into_bytes(),
        ));
    }
    let rung = of_rung(&rung)?;
    let after = After { at_ms: wanted.at, key: wanted.key.clone(), asset: wanted.use_of.clone() };
    let found = ladder::page(&ctx, &asked, rung, &after, ladder::PAGE).await?;
    let (_, zone) = frame::vendor(&ctx);
    let is_full = found.len() == usize::try_from(ladder::PAGE).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| is_full).map(|last| {
        let behind = ladder::behind(last);
        let at = behind.at_ms.to_string();
        let more = [("at", at.as_str()), ("key", behind.key.as_str()), ("use_of", behind.asset.as_str())];
        format!("{PATH}/{}{}", rung.as_str(), query(&asked, &more))
    });
    let names = Names::load(&ctx.db).await?;
    let view = RowsView {
        title: rung.label(),
        means: rung.means(),
        of: of(&asked, &names),
        back: format!("{PATH}{}", query(&asked, &[])),
        csv: format!("{PATH}/{}.csv{}", rung.as_str(), query(&asked, &[])),
        heads: heads(rung),
        rows: found.into_iter().map(|row| row_line(&ctx, rung, row, &names, zone)).collect(),
        first: (after != After::default()).then(|| rows_at(rung.as_str(), &asked)),
        next,
    };
    respond::page(&ctx, "console/ladder_rows", &Frame::new(&ctx, Area::Console, rung.label(), PATH), &view)
}

fn heads(rung: Rung) -> Vec<&'static str> {
    match rung {
        Rung::Delivered => vec!["To", "Newsletter", "Accepted"],
        Rung::Used => vec!["Partner", "Asset", "Used"],
        Rung::Engaged => vec!["Who", "Came by", "Acted"],
        _ => vec!["Lead", "Credited to", "Reached"],
    }
}

fn row_line(ctx: &Context, rung: Rung, row: Row, names: &Names, zone: Tz) -> RowLine {
    let title = asset_title(ctx, &row.asset).unwrap_or_else(|| row.asset.clone());
    let what: Vec<&str> =
        [title.as_str(), row.scope.as_str()].into_iter().filter(|it| !it.is_empty()).collect();
    let href = match (rung, &row.issue_id, &row.contact_id) {
        (Rung::Delivered, Some(issue), Some(contact)) => {
            Some(format!("/console/issues/{issue}/people/{contact}"))
        }
        (Rung::Used, _, _) => Some(format!("/console/partners/{}", row.partner_slug)),
        (Rung::Engaged, _, Some(_)) | (Rung::Delivered, _, _) => None,
        _ => Some(format!("/console/leads/{}", row.key)),
    };
    let name = match rung {
        Rung::Used => names.of(&row.partner_slug).to_owned(),
        _ if row.name.is_empty() => "not known any more".to_owned(),
        _ => row.name.clone(),
    };
    RowLine {
        href: href.filter(|_| rung == Rung::Used || !row.name.is_empty()),
        name,
        badge: (!row.stage.is_empty()).then(|| lead::stage(&row.stage)),
        what: what.join(", "),
        email: row.email,
        partner: names.of(&row.partner_slug).to_owned(),
        times: (row.times > 1).then(|| counted(usize::try_from(row.times).unwrap_or(0), "time", "times")),
        last: (row.last_ms != row.at_ms).then(|| Moment::short(row.last_ms, zone)),
        at: Moment::full(row.at_ms, zone),
    }
}

#[cfg(test)]
impl RowsView {
    /// One lead; or none.
    pub fn sample(empty: bool) -> Self {
        let at = Moment::full(1_799_744_400_000, chrono_tz::Europe::Oslo);
        let row = RowLine {
            name: "Ana Ruiz".into(),
            href: Some("#".into()),
            email: "ana.ruiz@harborclinic.example".into(),
            partner: "Northlight MSP".into(),
            what: "Proof of recovery, fold-forward".into(),
            badge: Some(lead::stage("won")),
            times: Some("3 times".into()),
            last: Some(at.clone()),
            at,
        };
        Self {
            title: Rung::Won.label(),
            means: Rung::Won.means(),
            of: of(&ladder::Asked::default(), &Names::default()),
            back: PATH.into(),
            csv: "#".into(),
            heads: heads(Rung::Won),
            rows: if empty { Vec::new() } else { vec![row] },
            first: (!empty).then(|| "#".into()),
            next: (!empty).then(|| "#".into()),
        }
    }
}
