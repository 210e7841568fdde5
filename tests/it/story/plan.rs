//! The issues ahead, as `partnercast plan` tells them.

use partnercast::{
    domain::{
        kernel::{
            EmailAddress, Kind, Slug,
            clock::{DAY_MS, HOUR_MS},
            random::SeededRandom,
        },
        partner::{Contact, Roles},
    },
    store::{Db, partners, suppressions},
    work::{plan, publish, roll, sync},
};

use super::{
    Rig,
    rig::{EVE_MS, copied},
    steering::Program,
};
use crate::harness::{
    both_dbs,
    databases::{execute, in_tx, number, rows, values, with_empty_postgres},
};

both_dbs! {
    /// What is planned is what freezing decides, and nothing is stored by planning.
    async fn a_plan_is_what_is_frozen(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = &rig.ctx;
        in_tx!(ctx.db, tx => suppressions::add(tx, rig.clock_ms(), "luis.ortega@northlight.example", "all", "asked by phone"));
        let before = plan::ahead(ctx, Some("fold-forward"), 4).await.unwrap();
        let dates: Vec<&str> = before.iter().map(|issue| issue.date.as_str()).collect();
        assert_eq!(dates, ["2027-01-12", "2027-02-09", "2027-03-09", "2027-04-13"]);
        assert!(before[3].file.is_none() && before[3].variants.is_empty(), "nothing is written for April");
        let january = &before[0];
        assert_eq!((january.readers, january.faults.len(), january.state.as_deref()), (32, 0, None));
        assert_eq!(january.left_out.len(), 1);
        assert_eq!(january.left_out[0].named, ["luis.ortega@northlight.example"]);
        assert!(january.since.is_none(), "the first one");
        let (first, last) = (&january.promises[0], january.promises.last().unwrap());
        assert_eq!((first.zone.as_str(), first.local.as_str()), ("Australia/Adelaide", "2027-01-12T09:00"));
        assert!(first.due_ms < last.due_ms && january.freezes_ms.unwrap() < first.due_ms);
        assert_eq!(january.promises.iter().map(|promise| promise.readers).sum::<usize>(), 32);
        assert_eq!(number(&ctx.db, "SELECT COUNT(*) FROM rendition", vec![]).await, 0);
        assert_eq!(number(&ctx.db, "SELECT COUNT(*) FROM audience_decision", vec![]).await, 0);

        rig.send_january().await;
        let sent = "SELECT r.partner_slug, r.roles, r.locale FROM rendition r WHERE issue_id IS NOT NULL ORDER BY 1, 2, 3";
        let sent: Vec<(String, String, String)> = rows(&ctx.db, sent, vec![]).await;
        let mut planned: Vec<(String, String, String)> = january
            .variants
            .iter()
            .map(|one| (one.partner.clone(), one.roles.clone(), one.locale.clone()))
            .collect();
        planned.sort();
        assert_eq!(planned, sent);
    }

    /// A roster of several pages is planned whole, with people at the ends of pages who left.
    async fn a_roster_of_many_pages_is_planned_whole(db: Db) {
        let rig = Rig::new(db).await;
        let people: Vec<Contact> = (0..8_500)
            .map(|no| Contact {
                partner: Slug::parse("northlight").unwrap(),
                name: format!("Reader {no}"),
                email: EmailAddress::parse(&format!("r{no}@many.example")).unwrap(),
                roles: Roles::parse("sales").unwrap(),
                locale: None,
                zone: None,
                lead_contact: false,
            })
            .collect();
        in_tx!(rig.ctx.db, tx => partners::import(tx, rig.clock_ms(), &SeededRandom::new(11), &[], &people));
        execute(&rig.ctx.db, "UPDATE contact SET active = FALSE WHERE email LIKE 'r%7@many.example'", vec![]).await;
        execute(
            &rig.ctx.db,
            "UPDATE contact SET active = FALSE WHERE id IN (SELECT id FROM contact ORDER BY id LIMIT 2 OFFSET 3999)",
            vec![],
        )
        .await;
        let active = number(&rig.ctx.db, "SELECT COUNT(*) FROM contact WHERE active AND email LIKE '%@many.example'", vec![]).await;
        let rest = number(&rig.ctx.db, "SELECT COUNT(*) FROM contact WHERE active AND email NOT LIKE '%@many.example'", vec![]).await;
        let ahead = plan::ahead(&rig.ctx, Some("fold-forward"), 1).await.unwrap();
        let left_out: usize = ahead[0].left_out.iter().map(|it| it.people).sum();
        assert_eq!(i64::try_from(ahead[0].readers + left_out).unwrap(), active + rest, "everybody once");
        assert!(i64::try_from(ahead[0].readers).unwrap() >= active, "{:?}", ahead[0].left_out);
    }

    /// The next one says who is new, who is no longer among the readers, and who is gone.
    async fn what_changed_since_the_last_issue_is_told(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = &rig.ctx;
        in_tx!(ctx.db, tx => suppressions::add(tx, rig.clock_ms(), "luis.ortega@northlight.example", "all", "on leave"));
        rig.send_january().await;
        rig.clock.set(EVE_MS + 3 * DAY_MS);
        in_tx!(ctx.db, tx => suppressions::add(tx, rig.clock_ms(), "mei.tran@northlight.example", "fold-forward", "asked"));
        execute(&ctx.db, "DELETE FROM suppression WHERE email_key = 'luis.ortega@northlight.example'", vec![]).await;
        execute(&ctx.db, "UPDATE contact SET active = FALSE WHERE email_key = 'bronte.hale@wattlebird.example'", vec![]).await;
        let ahead = plan::ahead(ctx, None, 2).await.unwrap();
        assert_eq!(ahead[0].date, "2027-02-09");
        let since = ahead[0].since.as_ref().unwrap();
        assert_eq!(since.date, "2027-01-12");
        assert_eq!(since.joined.named, ["luis.ortega@northlight.example"]);
        assert_eq!(since.left.named, ["mei.tran@northlight.example"]);
        assert_eq!((since.joined.people, since.left.people, since.gone), (1, 1, 1));
        rig.clock.set(EVE_MS + 28 * DAY_MS + 3 * HOUR_MS);
        publish::tick(ctx).await.unwrap();
        let fixed = plan::ahead(ctx, None, 1).await.unwrap();
        assert!(fixed[0].state.is_some() && fixed[0].variants.is_empty(), "what is fixed is no plan any more");
    }

    /// The roll of a date names everybody with the reason: as it would be decided now, and once it is fixed as it was; a date
    /// for which nothing is written has one, too, and a date that the cadence does not promise has none.
    async fn the_roll_of_a_date_names_everybody(db: Db) {
        let rig = Rig::new(db).await;
        let ctx = &rig.ctx;
        let call = async |date: &str| {
            let heading = roll::heading(ctx, "fold-forward", date).await.unwrap();
            let (pages, mut coming) = tokio::sync::mpsc::channel(2);
            roll::call(ctx, &heading, &pages).await.unwrap();
            drop(pages);
            let mut all = Vec::new();
            while let Some(page) = coming.recv().await {
                all.extend(page.unwrap());
            }
            (heading, all)
        };
        in_tx!(ctx.db, tx => suppressions::add(tx, rig.clock_ms(), "luis.ortega@northlight.example", "all", "on leave"));
        let (heading, before) = call("2027-01-12").await;
        assert!(heading.issue_id.is_none() && heading.since.is_none() && before.len() == 33);
        let luis = before.iter().find(|it| it.email.starts_with("luis.")).unwrap();
        assert_eq!((luis.verdict, luis.reason.as_str(), luis.due.is_none(), luis.change), ("out", "suppressed", true, ""));
        let dana = before.iter().find(|it| it.email.starts_with("dana.")).unwrap();
        assert_eq!((dana.verdict, dana.due.as_deref(), dana.zone.as_str()), ("in", Some("2027-01-12T15:00:00Z"), "America/Chicago"));
        rig.send_january().await;
        let (heading, fixed) = call("2027-01-12").await;
        assert!(heading.issue_id.is_some());
        assert_eq!(fixed, before, "what was planned is what was fixed");
        execute(&ctx.db, "DELETE FROM suppression", vec![]).await;
        in_tx!(ctx.db, tx => suppressions::add(tx, rig.clock_ms(), "mei.tran@northlight.example", "fold-forward", "asked"));
        let (heading, april) = call("2027-04-13").await;
        assert_eq!(heading.since.as_deref(), Some("2027-01-12"));
        let change = |who: &str| april.iter().find(|it| it.email.starts_with(who)).unwrap().change;
        assert_eq!((change("luis."), change("mei."), change("dana.")), ("new", "left", "again"));
        let error = roll::heading(ctx, "fold-forward", "2027-04-14").await.unwrap_err();
        assert!(error.kind() == Kind::Invalid && error.public().contains("the next one is 2027-05-11"), "{error}");
        assert!(roll::heading(ctx, "fold-forward", "soon").await.unwrap_err().public().contains("is not a date"));
        assert!(roll::heading(ctx, "nonsense", "2027-04-13").await.unwrap_err().public().contains("there is fold-forward"));
        // Before content was stored, how it comes in.
        let blank = rig.another(rig.clock.clone(), 8);
        let says = [
            roll::heading(&blank, "fold-forward", "2027-04-13").await.unwrap_err(),
            plan::ahead(&blank, Some("fold-forward"), 1).await.unwrap_err(),
        ];
        for error in says {
            assert!(error.public().contains("no content is stored yet: `partnercast serve`"), "{error}");
        }
    }

    /// A newsletter that is not there is told with those that are, and a fault in a text with the text.
    async fn what_stands_in_the_way_is_told(db: Db) {
        let rig = Rig::new(db).await;
        let error = plan::ahead(&rig.ctx, Some("fold-back"), 1).await.unwrap_err();
        assert!(error.kind() == Kind::NotFound && error.public().contains("there is fold-forward"), "{error}");
        execute(&rig.ctx.db, "UPDATE partner SET brand = $1 WHERE slug = 'northlight'", values!["{\"primary\":\"#000000\",\"accent\":\"#000000\"}"]).await;
        let dir = tempfile::tempdir().unwrap();
        copied(dir.path());
        let path = dir.path().join("newsletters/fold-forward/2027-01-12.md");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}\n\n{{{{ partner.proof }}}}\n")).unwrap();
        sync::show(&rig.ctx, dir.path()).await.unwrap();
        let ahead = plan::ahead(&rig.ctx, None, 1).await.unwrap();
        assert!(ahead[0].readers > 20 && ahead[0].faults.len() == 1, "{:?}", ahead[0].faults);
        assert!(ahead[0].faults[0].contains("for Northlight MSP: {{ partner.proof }} has no value"), "{:?}", ahead[0].faults);
    }
}

/// At the terminal, beside others, as lines and as JSON.
#[test]
fn a_plan_is_read_at_the_terminal() {
    with_empty_postgres(|url| async move {
        let rig = Rig::new(Db::open(&url).await.unwrap()).await;
        let program = Program::on(&url);
        // The program goes by the machine's calendar; whatever the year, something is promised.
        let said = program.does("plan fold-forward --next 24");
        assert!(said.contains("fold-forward/") && said.contains("nothing is written for it yet"), "{said}");
        let said = program.does("plan --json --next 1");
        let issues: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(issues[0]["newsletter"], "fold-forward");
        assert!(program.refuses("plan nonsense").contains("there is fold-forward"));
        rig.ctx.db.close().await;
    });
}
