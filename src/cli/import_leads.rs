//! `partnercast import leads`

use std::path::PathBuf;

use super::{
    ConfigArgument, load,
    rows::{Faults, read},
    say, start_log, steer, writing,
};
use crate::{
    domain::{
        kernel::Result,
        lead::intake::{FILE_BYTES_MAX, Sheet},
    },
    work::{
        Context,
        intake::{self, Door, Foreseen, Source, Taken},
        names::Names,
    },
};

/// Offers that are printed one by one.
const OFFERS_SHOWN: usize = 50;

/// Arguments of `import leads`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A CSV file; `partnercast guide leads` says which columns there are.
    file: PathBuf,
    /// Check everything and say who is new, who is known, and who would be offered to whom; write nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line, all faults at once: {"fault": {"row", "column", "value", "message", "fix"}}, where row 0 means the
    /// whole file; without a fault everybody who is to be offered, and what was done at the end.
    #[arg(long)]
    json: bool,
    /// Write every fault into this file, as CSV that a spreadsheet opens without running anything.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

/// Checks the file as a whole and takes its leads, or says every fault and takes nothing.
///
/// # Errors
/// Faults in the file, no content yet, or a database that cannot be opened.
pub async fn main(config: &ConfigArgument, arguments: Arguments) -> Result<()> {
    let config = load(config)?;
    start_log(&config.log)?;
    let name = arguments.file.display().to_string();
    let bytes = read(&arguments.file, &name, FILE_BYTES_MAX)?;
    let meanwhile = format!(
        "Meanwhile programs send leads to {}/api/leads (`partnercast guide leads`)",
        writing::base_url(&config)
    );
    let ctx = writing::alone(&config, &writing::no_page_has_it(&meanwhile)).await?;
    let done = import(&ctx, &arguments, &name, &bytes).await;
    ctx.db.close().await;
    done
}

async fn import(ctx: &Context, arguments: &Arguments, name: &str, bytes: &[u8]) -> Result<()> {
    let known = intake::known(ctx, None).await?;
    let mut faults = Faults::new(arguments.json, arguments.faults.as_deref())?;
    let source = match Sheet::open(bytes) {
        Ok(sheet) => Source::Sheet(sheet),
        Err(fault) => {
            faults.tell(&fault);
            return faults.refusal(name);
        }
    };
    let (_, wrong) = intake::check(ctx, &source, &known, &mut |fault| faults.tell(&fault));
    if wrong > 0 {
        return faults.refusal(name);
    }
    faults.finish()?;
    let door = Door { actor: steer::ACTOR, subject: name, method: "import" };
    let taken = intake::take(ctx, &source, &known, &door, arguments.dry_run).await?;
    let foreseen = if arguments.dry_run { foreseen(ctx, &taken, arguments.json).await? } else { Vec::new() };
    if arguments.json {
        foreseen.iter().map(json_offer).for_each(|line| say(&line));
        say(&json_taken(&taken, arguments.dry_run));
    } else {
        let names = Names::load(&ctx.db).await?;
        lines(&taken, &foreseen, &names, arguments.dry_run).iter().for_each(|line| say(line));
    }
    Ok(())
}

/// What would become of as many as are told one by one.
async fn foreseen(ctx: &Context, taken: &Taken, is_json: bool) -> Result<Vec<Foreseen>> {
    let most = if is_json { taken.due.len() } else { OFFERS_SHOWN };
    intake::foresee(ctx, &taken.due, &taken.beside, most).await
}

fn json_offer(offer: &Foreseen) -> String {
    let Foreseen { no, email, partner, to, because } = offer;
    let (partner, to) = ((!partner.is_empty()).then_some(partner), (!to.is_empty()).then_some(to));
    serde_json::json!({ "row": no, "email": email, "partner": partner, "offered_to": to, "because": because })
        .to_string()
}

fn json_taken(taken: &Taken, dry_run: bool) -> String {
    serde_json::json!({
        "dry_run": dry_run, "new": taken.new, "known": taken.known, "unchanged": taken.unchanged, "erased": taken.erased,
        "without_consent": taken.without_consent, "to_be_offered": taken.due.len() as u64 + taken.due_more,
    })
    .to_string()
}

fn lines(taken: &Taken, foreseen: &[Foreseen], names: &Names, dry_run: bool) -> Vec<String> {
    let mut lines =
        vec![format!("leads: {} new, {} known, {} taken before", taken.new, taken.known, taken.unchanged)];
    if taken.erased > 0 {
        lines.push(format!("left out: {} of people who were erased at their request", taken.erased));
    }
    if taken.without_consent > 0 {
        lines.push(format!(
            "without a consent on record, so that nobody calls them: {}",
            taken.without_consent
        ));
    }
    let due = taken.due.len() as u64 + taken.due_more;
    if dry_run {
        lines.push(format!("would be offered: {due}"));
        for offer in foreseen.iter().take(OFFERS_SHOWN) {
            let Foreseen { no, email, partner, to, because } = offer;
            let to = match (names.of(partner), to.as_str()) {
                ("", "") => "nobody yet".to_owned(),
                ("", to) => to.to_owned(),
                (partner, "") => partner.to_owned(),
                (partner, to) => format!("{to} at {partner}"),
            };
            lines.push(format!("  row {no}, {email}: {to}. {because}"));
        }
        let more = due.saturating_sub(OFFERS_SHOWN as u64);
        if more > 0 {
            lines.push(format!("  and {more} more"));
        }
        lines.push("dry run: nothing was written".to_owned());
    } else if taken.is_nothing() {
        lines.push("nothing was changed: every row was taken before, or left out".to_owned());
    } else {
        lines.push(format!("taken; `serve` offers {due} of them in a moment"));
    }
    lines
}
