//! What was started and may not leave now: mail that is late and that nothing could hand over, and mail of a stage that waits for
//! another. Its start is undone in the transaction that made it, so whatever made it late, it passes here whenever it is started.

use std::collections::{BTreeSet, HashMap};

use chrono_tz::Tz;

use super::{dispatch::Finished, ledger::pause_issue};
use crate::{
    domain::{
        content::{Library, kinds::Newsletter},
        delivery::Outcome,
        kernel::{
            Result,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS, UtcMs},
        },
        partner::Region,
        program::{
            calendar::LocalReader,
            late::{Behind, Late, LateRule},
            stage::{Before, Stage, is_in_vain},
        },
    },
    store::{
        Tx,
        late::{self, PutOff, Reader},
        queue::Claimed,
        running::Running,
    },
    work::context::Context,
};

/// How long it is not looked again how far the stages of an issue have come.
const STAGES_MS: i64 = 2_000;
/// An issue that moved within this time is under way: something sends it, and slowly.
const UNDER_WAY_MS: i64 = 15 * MINUTE_MS;
/// The same where a limit of ours lets little through: more than the hour after which a relay's limit is over.
const LIMITED_MS: i64 = 2 * HOUR_MS;
/// How long it is not noted again that an issue moves.
const NOTED_MS: i64 = MINUTE_MS;
/// How long mail that was put off is worth sending.
const LIFETIME_MS: i64 = DAY_MS;

/// What is known of running issues, by their ids.
#[derive(Debug, Default)]
pub(super) struct Gate {
    stages: HashMap<String, Looked>,
    /// Of which the other side took or refused something, and which a limit of ours keeps back, since that was noted.
    moved: BTreeSet<String>,
    kept_back: BTreeSet<String>,
    noted_ms: HashMap<String, UtcMs>,
}

/// How far the stages of an issue had come at some moment.
#[derive(Debug)]
struct Looked {
    at_ms: UtcMs,
    found: Vec<Before>,
}

impl Looked {
    /// Whether there is no need to look again. A clock that was set back makes it old.
    fn is_fresh(&self, now_ms: UtcMs) -> bool {
        is_within(self.at_ms, now_ms, STAGES_MS) || self.has_all_begun()
    }

    fn has_all_begun(&self) -> bool {
        !self.found.is_empty() && self.found.iter().all(|before| before.began_ms.is_some())
    }
}

fn is_within(at_ms: UtcMs, now_ms: UtcMs, for_ms: i64) -> bool {
    (at_ms..at_ms + for_ms).contains(&now_ms)
}

impl Gate {
    /// Looks how far the stages of the running issues have come, and notes which issues moved. Before a step's transaction, so that
    /// this waits for no issue that somebody pauses or cancels. `is_limited` where there are limits of ours.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn look(&mut self, ctx: &Context, running: &[Running], is_limited: bool) -> Result<()> {
        let now_ms = ctx.now_ms();
        let runs = |id: &String| running.iter().any(|issue| issue.id == *id);
        self.stages.retain(|id, _| runs(id));
        self.noted_ms.retain(|id, _| runs(id));
        for issue in running.iter().filter(|issue| issue.stage_wait_ms.is_some()) {
            if self.stages.get(&issue.id).is_some_and(|it| it.is_fresh(now_ms)) {
                continue;
            }
            let found = late::begun(&ctx.db, &issue.id).await?;
            if is_in_vain(&found, issue.resumed_ms) {
                pause(ctx, &issue.id).await?;
            }
            self.stages.insert(issue.id.clone(), Looked { at_ms: now_ms, found });
        }
        self.note(ctx, now_ms, if is_limited { LIMITED_MS } else { UNDER_WAY_MS }).await
    }

    /// Takes note of the issues of which the other side took or refused something.
    pub(super) fn see(&mut self, finished: &[Finished]) {
        let is_ours =
            |outcome: &Outcome| matches!(outcome, Outcome::Refused { trouble, .. } if trouble.is_ours());
        let heard = finished.iter().filter(|it| !is_ours(&it.outcome));
        self.moved.extend(heard.filter_map(|it| it.claimed.issue_id.clone()));
    }

    /// Takes note of an issue that a limit of ours leaves nothing for now.
    pub(super) fn keep_back(&mut self, issue: &Running) {
        self.kept_back.insert(issue.id.clone());
    }

    async fn note(&mut self, ctx: &Context, now_ms: UtcMs, within_ms: i64) -> Result<()> {
        let is_due =
            |id: &&String| !self.noted_ms.get(*id).is_some_and(|at_ms| is_within(*at_ms, now_ms, NOTED_MS));
        let due: BTreeSet<String> = self.moved.union(&self.kept_back).filter(is_due).cloned().collect();
        if due.is_empty() {
            return Ok(());
        }
        let mut tx = ctx.db.begin().await?;
        let mut noted = Vec::new();
        for id in &due {
            let is_done = if self.moved.contains(id) {
                late::moved(&mut tx, id, now_ms, now_ms - within_ms).await?;
                true
            } else {
                late::kept_back(&mut tx, id, now_ms, now_ms - LIMITED_MS).await?
            };
            noted.extend(is_done.then_some(id));
        }
        tx.commit().await?;
        self.noted_ms.extend(noted.into_iter().map(|id| (id.clone(), now_ms)));
        self.moved.retain(|id| !due.contains(id));
        self.kept_back.clear();
        Ok(())
    }

    /// Lets what was started of an issue pass, as far as it may leave now; the start of the others is undone. `is_limited` where a
    /// limit of ours may let little of it through.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn pass(
        &self,
        ctx: &Context,
        tx: &mut Tx,
        (issue, is_limited): (&Running, bool),
        started: Vec<Claimed>,
    ) -> Result<Vec<Claimed>> {
        let now_ms = ctx.now_ms();
        let untried = || started.iter().filter(|claimed| claimed.tries == 0);
        let late: Vec<&Claimed> =
            untried().filter(|claimed| now_ms > claimed.promised_ms + issue.on_time_ms).collect();
        let mut verdicts = if late.is_empty() {
            HashMap::new()
        } else {
            let within_ms = if is_limited { LIMITED_MS } else { UNDER_WAY_MS };
            let is_under_way = issue.moved_ms.is_some_and(|moved_ms| moved_ms > now_ms - within_ms);
            let going_ms = issue.going_ms.filter(|_| is_under_way);
            judge(ctx, tx, (issue, going_ms), &late).await?
        };
        for claimed in untried() {
            if !verdicts.contains_key(claimed.id.as_str())
                && let Some(wait) = self.wait_for_stage(issue, claimed, now_ms)
            {
                verdicts.insert(&claimed.id, Verdict::Waits(wait));
            }
        }
        if verdicts.is_empty() {
            return Ok(started);
        }
        undo(tx, &started, &verdicts, now_ms).await?;
        let leaves: Vec<bool> = started.iter().map(|it| !verdicts.contains_key(it.id.as_str())).collect();
        Ok(started.into_iter().zip(leaves).filter(|(_, leaves)| *leaves).map(|(it, _)| it).collect())
    }

    /// What the stage of a message waits for, if it does.
    fn wait_for_stage(&self, issue: &Running, claimed: &Claimed, now_ms: UtcMs) -> Option<Wait> {
        let stage = claimed.stage.as_deref().and_then(Stage::parse)?;
        let wait_ms = issue.stage_wait_ms?;
        let before = self.stages.get(&issue.id).map_or(&[][..], |it| &it.found);
        let opens = stage.opens((claimed.promised_ms, now_ms), (wait_ms, issue.resumed_ms), before);
        if opens.is_sure && opens.at_ms <= now_ms {
            return None;
        }
        // What should have begun by now and has not is looked for again; as long as that takes, this is late, and asked about in the end.
        let is_ahead = opens.at_ms > now_ms;
        let due_ms = if is_ahead { opens.at_ms } else { now_ms + wait_ms.max(MINUTE_MS) };
        let because = "it waits until the stage before has left, and some minutes more".to_owned();
        Some(Wait { due_ms, hour_ms: opens.planned_ms, because })
    }
}

/// Pauses an issue that nobody of the few who were tried first has got: those who may approve are told why, before the others get it.
async fn pause(ctx: &Context, issue_id: &str) -> Result<()> {
    let said = late::last_vain(&ctx.db, issue_id).await?.unwrap_or_default();
    let why = format!("nobody of those who get it first could be sent it: {said}");
    let mut tx = ctx.db.begin().await?;
    pause_issue(ctx, &mut tx, issue_id, &why).await?;
    tx.commit().await
}

/// What becomes of late messages, by their ids; those that may leave are left out.
async fn judge<'c>(
    ctx: &Context,
    tx: &mut Tx,
    (issue, going_ms): (&Running, Option<UtcMs>),
    late: &[&'c Claimed],
) -> Result<HashMap<&'c str, Verdict>> {
    let (library, now_ms) = (ctx.library(), ctx.now_ms());
    let plain = Newsletter::default();
    let letter = letter_of(&library, issue).unwrap_or(&plain);
    let rule = LateRule::new(&library.rules.calendar, letter, issue.on_time_ms, going_ms);
    let readers = late::readers(tx, late.iter().map(|claimed| &claimed.id)).await?;
    let readers: HashMap<&str, &Reader> = readers.iter().map(|it| (it.id.as_str(), it)).collect();
    let mut verdicts = HashMap::new();
    for claimed in late {
        let reader = readers.get(claimed.id.as_str()).filter(|it| !it.was_heard);
        // Who cannot be read, by a newer version perhaps, is not kept waiting for it.
        let Some(reader) = reader.and_then(|it| local(it)) else { continue };
        let hour_ms = claimed.hour_ms.unwrap_or(claimed.promised_ms);
        let behind = Behind { hour_ms, promised_ms: claimed.promised_ms, reader };
        let verdict = match rule.judge(&behind, now_ms) {
            Late::Leaves => continue,
            Late::Waits { until_ms, because } => {
                Verdict::Waits(Wait { due_ms: until_ms, hour_ms: Some(until_ms), because })
            }
            Late::Asks { because } => Verdict::Asks(because),
        };
        verdicts.insert(claimed.id.as_str(), verdict);
    }
    Ok(verdicts)
}

/// Undoes the starts of which something else is right than leaving.
async fn undo(
    tx: &mut Tx,
    started: &[Claimed],
    verdicts: &HashMap<&str, Verdict>,
    now_ms: UtcMs,
) -> Result<()> {
    let (mut put_off, mut held) = (Vec::new(), Vec::new());
    for claimed in started {
        match verdicts.get(claimed.id.as_str()) {
            Some(Verdict::Waits(wait)) => put_off.push(wait.of(claimed)),
            Some(Verdict::Asks(because)) => held.push((claimed.id.as_str(), claimed.token, because.as_str())),
            None => {}
        }
    }
    if !put_off.is_empty() {
        late::put_off(tx, &put_off).await?;
    }
    if !held.is_empty() {
        late::hold(tx, &held, now_ms).await?;
    }
    tracing::debug!(put_off = put_off.len(), held = held.len(), "may not leave now");
    Ok(())
}

/// What becomes of a message that may not leave now.
enum Verdict {
    Waits(Wait),
    /// A person decides; why.
    Asks(String),
}

/// Until when a message waits, and why.
struct Wait {
    due_ms: UtcMs,
    /// From when on its lateness counts; none for as before.
    hour_ms: Option<UtcMs>,
    because: String,
}

impl Wait {
    fn of<'a>(&'a self, claimed: &'a Claimed) -> PutOff<'a> {
        PutOff {
            id: &claimed.id,
            token: claimed.token,
            due_ms: self.due_ms,
            hour_ms: self.hour_ms,
            expires_ms: self.due_ms + LIFETIME_MS,
            because: &self.because,
        }
    }
}

/// The newsletter of an issue, as far as it is still in the content.
fn letter_of<'l>(library: &'l Library, issue: &Running) -> Option<&'l Newsletter> {
    library.newsletters().find(|(asset, _)| asset.slug() == issue.newsletter).map(|(_, letter)| letter)
}

/// By whose clock and calendar a message leaves; none for a zone or region that this version does not know.
fn local(reader: &Reader) -> Option<LocalReader<'_>> {
    let zone: Tz = reader.reader_zone.parse().ok()?;
    let region: Region = reader.region()?;
    Some(LocalReader { zone, partner: &reader.partner_slug, region })
}
