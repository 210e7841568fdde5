//! Leads out of a file: all or none, known people added to, nobody handed over without a consent, the same file twice.

use partnercast::{
    domain::lead::intake::{Fault, Sheet},
    store::{
        events, intakes,
        leads::{self, Lead},
        offers::{self, Offer},
    },
    work::{
        forms::{self, FormKind},
        handoff,
        intake::{self, Door, Source, Taken},
        person as held,
    },
};

use super::{
    Rig,
    hand_off::{ada, person},
};
use crate::harness::both_dbs;

const HEADER: &str = "email,name,company,phone,job_role,company_size,country,vertical,partner,asset,source,consent,consent_at,\
                      message,occurred_at\n";
const DOOR: Door<'_> = Door { actor: "operator", subject: "fair.csv", method: "import" };

/// Takes a file, or returns its faults.
pub async fn import(rig: &Rig, rows: &str, is_rehearsal: bool) -> Result<Taken, Vec<Fault>> {
    let text = format!("{HEADER}{rows}");
    let known = intake::known(&rig.ctx, None).await.unwrap();
    let source = Source::Sheet(Sheet::open(text.as_bytes()).map_err(|fault| vec![fault])?);
    let mut faults = Vec::new();
    let (_, count) = intake::check(&rig.ctx, &source, &known, &mut |fault| faults.push(fault));
    assert_eq!(count, faults.len() as u64);
    if count > 0 {
        return Err(faults);
    }
    Ok(intake::take(&rig.ctx, &source, &known, &DOOR, is_rehearsal).await.unwrap())
}

pub async fn lead_at(rig: &Rig, email: &str, partner: &str) -> Option<Lead> {
    leads::by_address(&rig.ctx.db, email, partner).await.unwrap()
}

pub async fn live(rig: &Rig, lead_id: &str) -> Option<Offer> {
    offers::of_lead(&rig.ctx.db, lead_id).await.unwrap().into_iter().find(Offer::is_live)
}

fn counts(taken: &Taken) -> [u64; 4] {
    [taken.new, taken.known, taken.unchanged, taken.without_consent]
}

const ASKS: &str = "Eva.Lind@harbor.example,Eva Lind,Harbor AG,+49 30 1,it,50-249,DE,health,northlight,,\"Fair, stand 12\",\
                    talk-to-us,2027-01-10T10:00:00Z,Please call,\n";
const PAPER: &str = "bo@clinic.example,Bo Ek,Clinic,,executive,250-999,,,northlight,whitepapers/proof-of-recovery,,\
                     whitepaper,2027-01-10,,\n";
const COLD: &str = "cy@mill.example,Cy Day,Mill,,,,,,northlight,,List,,,Interested!,\n";

both_dbs! {
    /// Who asked to be called is offered to the partner's rep with an hour to answer, as by a form; who asked for a paper waits
    /// in nurture; who agreed to nothing is kept, and called by nobody.
    async fn who_asked_is_handed_over_and_who_agreed_to_nothing_is_not(db: Db) {
        let rig = Rig::new(db).await;
        let rows = [ASKS, PAPER, COLD].concat();
        let dry = import(&rig, &rows, true).await.unwrap();
        assert_eq!(counts(&dry), [3, 0, 0, 1]);
        let foreseen = intake::foresee(&rig.ctx, &dry.due, &dry.beside, usize::MAX).await.unwrap();
        assert_eq!(foreseen.len(), 1);
        assert_eq!((foreseen[0].no, foreseen[0].partner.as_str(), foreseen[0].to.as_str()), (2, "northlight", "Luis Ortega"));
        assert!(lead_at(&rig, "eva.lind@harbor.example", "northlight").await.is_none(), "a dry run writes nothing");
        assert!(intake::foresee(&rig.ctx, &dry.due, &dry.beside, 0).await.unwrap().is_empty());

        let taken = import(&rig, &rows, false).await.unwrap();
        assert_eq!(counts(&taken), counts(&dry));
        handoff::tick(&rig.ctx).await.unwrap();
        rig.drain().await;
        let eva = lead_at(&rig, "eva.lind@harbor.example", "northlight").await.unwrap();
        let offer = live(&rig, &eva.id).await.unwrap();
        assert_eq!((eva.stage.as_str(), offer.rep_name.as_str(), offer.temperature.as_str()), ("offered", "Luis Ortega", "hot"));
        assert_eq!(eva.origin, "Passed on by the vendor: Fair, stand 12");
        let consents = leads::consents(&rig.ctx.db, &eva.id).await.unwrap();
        assert!(consents[0].wording.contains("I ask Northlight MSP to contact me"), "{consents:?}");
        assert_eq!(consents[0].at_ms, 1_799_575_200_000);
        assert_eq!(events::of_lead(&rig.ctx.db, &eva.id).await.unwrap()[0].at_ms, 1_799_575_200_000, "when it happened");
        let steps = leads::steps(&rig.ctx.db, &eva.id).await.unwrap();
        assert_eq!(steps.iter().map(|step| step.no).collect::<Vec<_>>(), (1..=steps.len() as i64).collect::<Vec<_>>());
        assert!(steps.iter().any(|step| step.what == "wrote: Please call"), "{steps:?}");
        // The mail does not speak of a form that nobody filled in.
        let mail = rig.mail_to(&offer.rep_email).await;
        assert!(mail.subject.contains("wants a call is passed on to Northlight MSP"), "{}", mail.subject);
        let text = mail.text.unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("Brackenfold passes a person on to you"), "{text}");
        assert!(text.contains("They want to be called, as Brackenfold was told") && text.contains("Fair, stand 12"), "{text}");
        assert!(!text.contains("asked to talk") && !text.contains("own content"), "{text}");

        let bo = lead_at(&rig, "bo@clinic.example", "northlight").await.unwrap();
        assert!(bo.stage == "inquiry" && bo.score > 0, "{bo:?}");
        let cy = lead_at(&rig, "cy@mill.example", "northlight").await.unwrap();
        assert_eq!((cy.stage.as_str(), live(&rig, &cy.id).await.is_none()), ("inquiry", true), "nobody calls them");
        rig.assert_nothing_left().await;
    }

    /// The same file once more changes nothing; a changed row alone is taken.
    async fn the_same_file_twice_changes_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let rows = [ASKS, PAPER, ASKS].concat();
        assert_eq!(counts(&import(&rig, &rows, false).await.unwrap()), [2, 0, 1, 0], "a row twice in a file counts once");
        handoff::tick(&rig.ctx).await.unwrap();
        let before = leads::recent(&rig.ctx.db, None).await.unwrap();
        rig.clock.advance(60_000);
        let again = import(&rig, &rows, false).await.unwrap();
        assert!(again.is_nothing() && again.unchanged == 3 && again.due.is_empty(), "{again:?}");
        handoff::tick(&rig.ctx).await.unwrap();
        assert_eq!(format!("{before:?}"), format!("{:?}", leads::recent(&rig.ctx.db, None).await.unwrap()));
        let changed = rows.replace("Bo Ek", "Bo Ekström");
        assert_eq!(counts(&import(&rig, &changed, false).await.unwrap()), [0, 1, 2, 0]);
        rig.drain().await;
    }

    /// What a rep works with is added to and never replaced; who has the lead is told that the person asks again.
    async fn what_a_rep_works_with_is_added_to(db: Db) {
        let rig = Rig::new(db).await;
        forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
        rig.drain().await;
        rig.clock.advance(1_000);
        let row = "ADA.Okafor@harborclinic.example,Eve Il,Other,+1 555 0100,it,1-9,US,health,northlight,,,talk-to-us,2027-01-11,\
                   Call me on Friday,\n";
        assert_eq!(counts(&import(&rig, row, false).await.unwrap()), [0, 1, 0, 0]);
        let lead = lead_at(&rig, "ada.okafor@harborclinic.example", "northlight").await.unwrap();
        assert_eq!((lead.name.as_str(), lead.company.as_str()), ("Ada Okafor", "Harbor Clinic Group"));
        assert_eq!((lead.phone.as_deref(), lead.company_size.as_deref()), (Some("+1 555 0100"), Some("50-249")));
        handoff::tick(&rig.ctx).await.unwrap();
        rig.drain().await;
        let owner = live(&rig, &lead.id).await.unwrap().rep_email;
        assert!(rig.mail_to(&owner).await.subject.contains("wants to be called again"), "{}", rig.mail_to(&owner).await.subject);
        assert_eq!(leads::recent(&rig.ctx.db, None).await.unwrap().len(), 1);
        rig.assert_nothing_left().await;
    }

    /// One fault, and nothing is taken; every fault is told.
    async fn one_fault_and_nothing_is_taken(db: Db) {
        let rig = Rig::new(db).await;
        let bad = "nobody,,Mill,call,king,big,UK,,nortlight,whitepapers/none,,whitepaper,soon,,2099-01-01\n";
        let faults = import(&rig, &[ASKS, bad, "a,b\n"].concat(), false).await.unwrap_err();
        let columns: Vec<&str> = faults.iter().map(|fault| fault.column.as_str()).collect();
        assert_eq!(
            columns,
            ["email", "name", "phone", "job_role", "company_size", "country", "partner", "asset", "consent_at",
             "occurred_at", ""]
        );
        assert!(faults.iter().all(|fault| fault.row == if fault.column.is_empty() { 4 } else { 3 }), "{faults:?}");
        assert!(leads::recent(&rig.ctx.db, None).await.unwrap().is_empty());
        assert!(import(&rig, "", false).await.unwrap_err()[0].message.contains("no rows"));
    }

    /// Somebody who was erased does not come back by a file, and what came with them is gone.
    async fn who_was_erased_does_not_come_back(db: Db) {
        let rig = Rig::new(db).await;
        import(&rig, PAPER, false).await.unwrap();
        let bo = lead_at(&rig, "bo@clinic.example", "northlight").await.unwrap();
        let erased = held::erase(&rig.ctx, "bo@clinic.example", "operator").await.unwrap();
        assert!(erased.left.is_empty(), "{erased:?}");
        assert!(intakes::of_lead(&rig.ctx.db, &bo.id).await.unwrap().is_none());
        let again = import(&rig, PAPER, false).await.unwrap();
        assert!(again.is_nothing() && again.erased == 1, "{again:?}");
    }

    /// Thousands of rows with every kind of fault are told one by one, and thousands of good ones are taken in few statements.
    async fn thousands_of_rows(db: Db) {
        let rig = Rig::new(db).await;
        let bad: String = (0..3_000).map(|n| format!("x{n},,c,call,king,big,UK,,no,no,,no,soon,,soon\n")).collect();
        let faults = import(&rig, &bad, false).await.unwrap_err();
        assert_eq!(faults.len(), 3_000 * 11);
        let good: String = (0..3_000)
            .map(|n| format!("p{n}@c{}.example,P {n},C,,it,50-249,DE,,northlight,whitepapers/proof-of-recovery,,whitepaper,\
                              2027-01-10,,\n", n % 100))
            .collect();
        assert_eq!(counts(&import(&rig, &good, false).await.unwrap()), [3_000, 0, 0, 0]);
        assert_eq!(counts(&import(&rig, &good, false).await.unwrap()), [0, 0, 3_000, 0]);
    }
}
