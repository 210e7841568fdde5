//! CSV both ways: a thousand rows with every fault, all or none, and leads as a table that runs nothing.

use partnercast::{
    domain::kernel::{clock::MINUTE_MS, id::OfferId},
    store::{leads, offers},
    work::{
        forms::{self, FormKind, Submission},
        handoff,
        lead_updates::{self, Told},
    },
};

use super::{
    Rig,
    hand_off::{ada, person},
};
use crate::harness::{both_dbs, databases::number};

const HEADER: &str = "lead_id,stage,value,currency,close_date,reason,again_on,note,updated_at\n";

/// Leads of Northlight that its reps accepted.
async fn accepted(rig: &Rig, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let form = Submission {
            email: format!("person{number}@clinic{number}.example"),
            name: if number == 0 { "=1+1".to_owned() } else { format!("Person Number{number}") },
            ..ada(FormKind::TalkToUs, forms::TALK_TO_US)
        };
        forms::submit(&rig.ctx, form.clone(), &person()).await.unwrap();
        let lead = leads::by_address(&rig.ctx.db, &form.email, "northlight").await.unwrap().unwrap();
        let offer = offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap().remove(0);
        rig.clock.advance(MINUTE_MS);
        handoff::accept(&rig.ctx, OfferId::parse(&offer.id).unwrap()).await.unwrap();
        ids.push(lead.id);
    }
    rig.clock.advance(MINUTE_MS);
    ids
}

async fn told(rig: &Rig, rows: &str, dry: bool) -> Told {
    lead_updates::import(&rig.ctx, "operator", format!("{HEADER}{rows}").as_bytes(), dry).await.unwrap()
}

async fn steps(rig: &Rig) -> i64 {
    number(&rig.ctx.db, "SELECT COUNT(*) FROM lead_step", Vec::new()).await
}

both_dbs! {
    /// A thousand rows of which every tenth has a fault: all faults are told with row and column, and nothing is written. Without
    /// them a rehearsal writes nothing and says so, and the import does all of it in one go.
    async fn a_file_is_taken_whole_or_not_at_all(db: Db) {
        let rig = Rig::new(db).await;
        let ids = accepted(&rig, 4).await;
        let mut good = String::new();
        for id in &ids {
            good += &format!("{id},contacted,,,,,,called,\n");
            good += &format!("{id},sql,12500.50,EUR,2027-03-31,,,,\n");
        }
        for number in 0..992 {
            good += &format!("{},note,,,,,,note {number},\n", ids[number % ids.len()]);
        }
        let faulty: Vec<String> = good
            .lines()
            .enumerate()
            .map(|(at, line)| match at % 60 {
                7 => line.replacen("led_", "ldd_", 1),
                17 => line.replacen(",note,", ",nte,", 1),
                27 => format!("{line},more"),
                37 => line.replacen(",note,,,", ",note,-5,,", 1),
                47 => line.replacen(",,,,,,note", ",,,,,2027-04-01,note", 1),
                _ => line.to_owned(),
            })
            .collect();
        let before = steps(&rig).await;
        let Told::Faults(faults) = told(&rig, &faulty.join("\n"), false).await else { panic!("it has faults") };
        let changed = good.lines().zip(&faulty).filter(|(one, other)| one != other).count();
        assert!(changed > 60 && faults.len() >= changed, "{changed} {}", faults.len());
        assert!(faults.iter().all(|fault| fault.row > 1 && !fault.message.is_empty() && !fault.fix.is_empty()));
        assert!(faults.windows(2).all(|pair| pair[0].row <= pair[1].row), "in the order of the rows");
        let columns: std::collections::BTreeSet<&str> = faults.iter().map(|fault| fault.column.as_str()).collect();
        assert!(["", "lead_id", "stage", "value"].iter().all(|column| columns.contains(column)), "{columns:?}");
        assert_eq!(steps(&rig).await, before, "nothing was written");

        let leaps = format!("{},won,5,EUR,,,,,\n{},lost,,,,timing,,,\nled_0190a5f4c0de7abc8def0123456789ab,contacted,,,,,,,\n", ids[0], ids[1]);
        let Told::Faults(faults) = told(&rig, &leaps, true).await else { panic!("the stages do not lead there") };
        let at: Vec<(u64, &str)> = faults.iter().map(|fault| (fault.row, fault.column.as_str())).collect();
        assert_eq!(at, [(2, "stage"), (3, "stage"), (4, "lead_id")], "{faults:?}");

        let Told::All(dry, _) = told(&rig, &good, true).await else { panic!("it is good") };
        assert_eq!((dry.len(), steps(&rig).await), (1_000, before), "a rehearsal writes nothing");
        let Told::All(done, _) = told(&rig, &good, false).await else { panic!("it is good") };
        assert_eq!(done, dry);
        assert_eq!(steps(&rig).await, before + 1_000);
        let one = leads::lead(&rig.ctx.db, &ids[3]).await.unwrap().unwrap();
        assert_eq!(one.stage, "sql");
        rig.drain().await;
    }

    /// Leads go out as CSV that a spreadsheet opens without running anything, of one partner or since a day; what is told of them
    /// comes back in the same table.
    async fn leads_go_out_and_come_back_as_a_table(db: Db) {
        let rig = Rig::new(db).await;
        let ids = accepted(&rig, 2).await;
        let export = async |partner: Option<&str>, since_ms: i64| {
            let mut text = String::new();
            let count = lead_updates::export(&rig.ctx, partner, since_ms, &mut |part| { text.push_str(part); Ok(()) }).await.unwrap();
            (count, text)
        };
        let (count, text) = export(Some("northlight"), 0).await;
        assert_eq!((count, text.lines().count()), (2, 3));
        assert!(text.contains(",'=1+1,") && ids.iter().all(|id| text.contains(id.as_str())), "{text}");
        assert_eq!(export(Some("thornbury"), 0).await.0, 0);
        assert_eq!(export(None, rig.clock_ms() + 1).await.0, 0);
        let Told::All(done, unchanged) = lead_updates::import(&rig.ctx, "operator", text.as_bytes(), false).await.unwrap() else { panic!("{text}") };
        assert_eq!((done.len(), unchanged), (0, 2), "what was exported is known");
        let back = text.replace(",sal,", ",contacted,");
        let Told::All(done, _) = lead_updates::import(&rig.ctx, "operator", back.as_bytes(), false).await.unwrap() else { panic!("{back}") };
        assert!(done.len() == 2 && done.iter().all(|it| it.stage == "contacted"), "{done:?}");
        let Told::All(done, unchanged) = lead_updates::import(&rig.ctx, "operator", back.as_bytes(), false).await.unwrap() else { panic!("{back}") };
        assert_eq!((done.len(), unchanged), (0, 2), "told twice it is told once");
        rig.drain().await;
    }
}
