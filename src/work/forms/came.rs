//! How somebody came to a form: by which mail, or by which link outside our mails.

use super::Submission;
use crate::{
    domain::{content::Library, kernel::Result},
    store::deliveries,
    work::context::Context,
};

/// The mail that led to the form: one of this partner's, to somebody outside. Whoever moves a link to another page, or looks at
/// a test copy, came by none.
pub(super) async fn came_by(ctx: &Context, form: &Submission) -> Result<Option<deliveries::Sent>> {
    let sent = match form.via {
        Some(id) => deliveries::sent(&ctx.db, id).await?,
        None => None,
    };
    Ok(sent.filter(|sent| sent.partner_slug == form.partner && !sent.is_test))
}

/// How they came, in words.
pub(super) fn origin(
    library: &Library,
    form: &Submission,
    title: &str,
    came_by: Option<deliveries::Sent>,
) -> String {
    let how = form.kind.origin().label();
    match came_by {
        Some(sent) if !sent.scope.is_empty() => {
            let newsletter = library.newsletters().find(|(asset, _)| asset.slug() == sent.scope);
            let series = newsletter.map(|(asset, _)| asset);
            let series = series.or_else(|| library.sequence(&sent.scope).map(|(asset, _)| asset));
            let newsletter = series.map_or(sent.scope.clone(), |asset| asset.front.title.as_str().to_owned());
            format!("{how}: “{title}”, by a link in {newsletter} to {}", sent.recipient_name)
        }
        _ => match form.placement {
            Some(placement) => format!("{how}: “{title}”, {}", placement.came_by()),
            None => format!("{how}: “{title}”"),
        },
    }
}
