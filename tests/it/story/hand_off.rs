//! From a click to an accepted lead.

use partnercast::{
    domain::{
        engagement::EventKind,
        kernel::{
            Kind, Locale,
            clock::{HOUR_MS, MINUTE_MS},
            id::{LeadId, OfferId},
        },
        lead::{RejectReason, intake::Sheet},
        partner::Partner,
    },
    store::{events, lead_clocks, leads, offers, partners},
    work::{
        desk, documents,
        forms::{self, FormKind, Opening, Refused, Submission},
        handoff::{self, By},
        intake::{self, Door, Source},
        lead_card, scoring, signin,
        tokens::offer_of,
        track::{self, OnPage, Visitor},
    },
};

use super::Rig;
use crate::harness::both_dbs;

pub const PAPER: &str = "whitepapers/proof-of-recovery";

pub fn person() -> Visitor {
    Visitor {
        method: "GET".into(),
        agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0".into(),
        network: "203.0.113.0/24".into(),
        prefetch: false,
    }
}

pub fn ada(kind: FormKind, asset: &str) -> Submission {
    Submission {
        partner: "northlight".into(),
        asset: asset.into(),
        kind,
        form: None,
        answers: Vec::new(),
        name: "Ada Okafor".into(),
        email: "ada.okafor@harborclinic.example".into(),
        company: "Harbor Clinic Group".into(),
        job_role: "it".into(),
        company_size: "50-249".into(),
        phone: String::new(),
        message: String::new(),
        consent: true,
        website: String::new(),
        via: None,
        placement: None,
        proof: (String::new(), String::new()),
        locale: Locale::en(),
    }
}

/// The click token and a link's number out of a mail's text: the first tracked link to `path`.
pub async fn follow(rig: &Rig, to: &str, path: &str) -> (String, String) {
    let text = rig.mail_to(to).await.text.unwrap();
    let links: Vec<(String, i64)> = text
        .split("http://partnercast.test/c/")
        .skip(1)
        .filter_map(|rest| {
            let link: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_/".contains(*c)).collect();
            let (token, no) = link.split_once('/')?;
            Some((token.to_owned(), no.trim_end_matches('/').parse().ok()?))
        })
        .collect();
    for (token, no) in links {
        let person = person();
        let clicking = track::click(&rig.ctx, &token, no, &person);
        let writing = async {
            while track::write_batch(&rig.ctx).await.unwrap() == 0 {
                tokio::task::yield_now().await;
            }
        };
        let (target, ()) = tokio::join!(clicking, writing);
        let target = target.unwrap();
        if target.contains(path) {
            return (token, target);
        }
    }
    panic!("no tracked link to {path} in {text}");
}

both_dbs! {
    /// The whole way: click, form, PDF, hand-raise, offer, view, accept, first contact.
    async fn a_click_becomes_an_accepted_lead(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        rig.clock.advance(HOUR_MS);
        let (token, target) = follow(&rig, "luis.ortega@northlight.example", PAPER).await;
        assert!(target.starts_with("/p/northlight/whitepapers/proof-of-recovery"), "{target}");
        let via = target.split("via=").nth(1).expect("our own pages are told which mail led there");
        assert_ne!(via, token, "what people share must not open the mail");
        let clicks = events::recent(&rig.ctx.db).await.unwrap();
        assert!(clicks.iter().any(|event| event.kind == "click" && event.asset.as_deref() == Some(PAPER)));

        let form = Submission { via: track::via(&rig.ctx, via), ..ada(FormKind::Whitepaper, PAPER) };
        assert!(form.via.is_some());
        let submitted = forms::submit(&rig.ctx, form, &person()).await.unwrap();
        assert!(!submitted.qualified, "20 points are not enough");
        let Opening::Open(opened) = forms::opened(&rig.ctx, &submitted.access_token).await.unwrap() else {
            panic!("nothing was recalled")
        };
        assert_eq!((opened.asset.as_str(), opened.first_name.as_str()), (PAPER, "Ada"));
        assert!(opened.lead.origin.contains("Luis Ortega"), "{}", opened.lead.origin);
        rig.drain().await;
        let receipt = rig.mail_to("ada.okafor@harborclinic.example").await;
        assert!(receipt.text.unwrap().contains("/r/"));

        let raised = forms::raise_hand(&rig.ctx, &opened, "We had a failed restore.".into(), String::new(), true, &person())
            .await
            .unwrap();
        assert!(raised.qualified);
        let lead = leads::lead(&rig.ctx.db, &opened.lead.id).await.unwrap().unwrap();
        assert_eq!(lead.stage, "offered");
        rig.drain().await;
        let offer_mail = rig.mail_to("luis.ortega@northlight.example").await;
        let text = offer_mail.text.unwrap();
        assert!(!text.contains("Ada") && !text.contains("Harbor Clinic"), "no personal data in the mail");
        let token = text.split("/o/").nth(1).unwrap().split_whitespace().next().unwrap().trim_end_matches('>').to_owned();
        let (offer, _) = offer_of(&rig.ctx.keys, &token).unwrap();

        let points = lead_card::card(&rig.ctx, &lead.id).await.unwrap().standing.score.points;
        let listed = scoring::recent(&rig.ctx, Some("northlight")).await.unwrap().remove(0);
        assert_eq!((listed.0.id.as_str(), listed.1.score.points), (lead.id.as_str(), points));
        assert!(text.contains(&format!("{points} / ")), "the mail says the same as card and list: {text}");

        let running = lead_clocks::running(&rig.ctx.db).await.unwrap();
        assert_eq!(running.len(), 1);
        assert_eq!((running[0].kind.as_str(), running[0].owner.as_str()), ("accept", "Luis Ortega"));
        rig.clock.advance(11 * MINUTE_MS);
        handoff::view(&rig.ctx, offer).await.unwrap();
        let card = lead_card::card(&rig.ctx, &lead.id).await.unwrap();
        assert_eq!(card.next_steps.len(), 3);
        assert!(card.mail_body.contains("Ada") && card.mail_body.contains("Harbor Clinic Group"));
        assert!(card.standing.score.points >= 20);
        assert!(card.consents.iter().all(|consent| consent.wording.contains("Northlight MSP")));

        handoff::accept(&rig.ctx, offer).await.unwrap();
        let again = handoff::accept(&rig.ctx, offer).await.unwrap_err();
        assert_eq!(again.kind(), Kind::Conflict);
        let running = lead_clocks::running(&rig.ctx.db).await.unwrap();
        assert_eq!(running.len(), 1, "one clock stopped, the next one runs");
        assert_eq!(running[0].kind, "first_contact");
        let lead = leads::lead(&rig.ctx.db, &lead.id).await.unwrap().unwrap();
        assert_eq!((lead.stage.as_str(), lead.owner_name.as_deref()), ("sal", Some("Luis Ortega")));

        let offer = handoff::load_offer(&rig.ctx, offer).await.unwrap();
        let rep = desk::rep(&rig.ctx, &offer.rep_email).await.unwrap().unwrap();
        handoff::contacted(&rig.ctx, &lead.id, By::Rep(&rep), "call on Thursday").await.unwrap();
        let running = lead_clocks::running(&rig.ctx.db).await.unwrap();
        assert_eq!(running[0].kind, "next_step");
        let steps = leads::steps(&rig.ctx.db, &lead.id).await.unwrap();
        let stages: Vec<&str> = steps.iter().map(|step| step.stage.as_str()).collect();
        assert_eq!(stages.last(), Some(&"contacted"));
        for stage in ["inquiry", "mql", "offered", "sal"] {
            assert!(stages.contains(&stage), "{stage} is missing in {stages:?}");
        }
        rig.assert_nothing_left().await;
    }

    /// A rep who turns a lead down is not asked again; the next person is, with a clock of their own.
    async fn a_lead_turned_down_goes_to_the_next(db: Db) {
        let rig = Rig::new(db).await;
        let submitted = forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
        assert!(submitted.qualified);
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        let first = offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap().remove(0);
        let id = OfferId::parse(&first.id).unwrap();
        handoff::reject(&rig.ctx, id, RejectReason::NoCapacity, "on leave").await.unwrap();
        let offers = offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap();
        assert_eq!(offers.len(), 2);
        let open: Vec<_> = offers.iter().filter(|offer| offer.answer.is_none()).collect();
        assert_eq!(open.len(), 1, "a lead has one owner at a time");
        assert_ne!(open[0].rep_email, first.rep_email);
        assert_eq!(lead_clocks::running(&rig.ctx.db).await.unwrap().len(), 1);
        let lead = leads::lead(&rig.ctx.db, &lead.id).await.unwrap().unwrap();
        assert_eq!(lead.stage, "offered");
    }

    /// When everybody at the partner turned a lead down, the vendor's channel manager has it on a desk of their own. What
    /// they turn down too is offered to nobody, least of all to them again, and can come back.
    async fn a_lead_everybody_turned_down_is_the_channel_managers(db: Db) {
        let rig = Rig::new(db).await;
        let someone = person();
        let ask = || forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &someone);
        ask().await.unwrap();
        let lead = leads::recent(&rig.ctx.db, None).await.unwrap().remove(0);
        let open = async || {
            let offers = offers::of_lead(&rig.ctx.db, &lead.id).await.unwrap();
            offers.into_iter().find(|offer| offer.answer.is_none())
        };
        // Something that was done after the form.
        let page = OnPage {
            kind: EventKind::PageView,
            partner: "northlight",
            asset: PAPER,
            revision: None,
            via: None,
            lead: LeadId::parse(&lead.id).ok(),
        };
        let _ = track::on_page(&rig.ctx, &page, &someone);
        assert_eq!(track::write_batch(&rig.ctx).await.unwrap(), 1);
        let mut asked = 0;
        let offer = loop {
            let offer = open().await.unwrap();
            if offer.contact_id.is_none() {
                break offer;
            }
            asked += 1;
            assert!(asked < 10, "the people of a partner come to an end");
            let id = OfferId::parse(&offer.id).unwrap();
            handoff::reject(&rig.ctx, id, RejectReason::NoCapacity, "on leave").await.unwrap();
        };
        assert_eq!(offer.rep_email, "tom.beckett@brackenfold.example");
        rig.drain().await;
        let mail = rig.mail_to(&offer.rep_email).await.text.unwrap();
        assert!(mail.contains("it comes to you") && mail.contains("you are the channel manager of Northlight MSP"), "{mail}");
        let card = lead_card::card(&rig.ctx, &lead.id).await.unwrap();
        assert!(card.mail_body.contains("Tom Beckett") && !card.mail_body.contains("Luis"), "{}", card.mail_body);
        assert!(mail.contains(&format!("{} / ", card.standing.score.points)), "{mail}");
        let manager = desk::rep(&rig.ctx, "Tom.Beckett@brackenfold.example").await.unwrap().unwrap();
        assert_eq!((manager.name.as_str(), manager.company.as_str()), ("Tom Beckett", "Brackenfold"));
        assert_eq!(leads::of_rep(&rig.ctx.db, &manager.key).await.unwrap().len(), 1);

        let id = OfferId::parse(&offer.id).unwrap();
        handoff::reject(&rig.ctx, id, RejectReason::MissesRule, "").await.unwrap();
        assert!(open().await.is_none() && lead_clocks::running(&rig.ctx.db).await.unwrap().is_empty());
        let back = leads::lead(&rig.ctx.db, &lead.id).await.unwrap().unwrap();
        assert_eq!(back.stage, "recycled");
        assert!(leads::of_rep(&rig.ctx.db, &manager.key).await.unwrap().is_empty());

        rig.clock.advance(HOUR_MS);
        ask().await.unwrap();
        let again = open().await.expect("whoever asks again is not left alone");
        handoff::accept(&rig.ctx, OfferId::parse(&again.id).unwrap()).await.unwrap();
        handoff::contacted(&rig.ctx, &lead.id, By::Rep(&manager), "").await.unwrap();
        rig.drain().await;
        rig.assert_nothing_left().await;
    }

    /// Who has left has no desk, also in a browser where it is open; who manages the channel keeps theirs.
    async fn who_has_left_has_no_desk(db: Db) {
        let rig = Rig::new(db).await;
        let luis = "Luis.Ortega@Northlight.example";
        let cookie = signin::open_desk(&rig.ctx, luis).await.unwrap();
        let rep = signin::desk(&rig.ctx, &cookie).await.unwrap().unwrap();
        assert!(rep.is_at("luis.ortega@northlight.example") && rep.company == "Northlight MSP");
        let northlight = partners::partner(&rig.ctx.db, "northlight").await.unwrap().unwrap();
        let mut tx = rig.ctx.db.begin().await.unwrap();
        partners::import(&mut tx, rig.clock_ms(), &*rig.ctx.random, std::slice::from_ref(&northlight), &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert!(signin::desk(&rig.ctx, &cookie).await.unwrap().is_none());
        assert!(desk::rep(&rig.ctx, "nobody@northlight.example").await.unwrap().is_none());

        let managed = Partner { channel_manager_email: luis.to_owned(), ..northlight };
        let mut tx = rig.ctx.db.begin().await.unwrap();
        partners::import(&mut tx, rig.clock_ms(), &*rig.ctx.random, &[managed], &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(signin::desk(&rig.ctx, &cookie).await.unwrap().unwrap().company, "Brackenfold");
    }

    /// A form with faults changes nothing and names them all; the honeypot counts as one.
    async fn a_bad_form_changes_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let bad = Submission { email: "ada".into(), consent: false, name: String::new(), ..ada(FormKind::Whitepaper, PAPER) };
        match forms::submit(&rig.ctx, bad, &person()).await {
            Err(Refused::Faults(faults)) => {
                let fields: Vec<_> = faults.iter().map(|fault| &*fault.field).collect();
                assert_eq!(fields, ["name", "email", "consent"]);
            }
            other => panic!("{other:?}"),
        }
        assert!(leads::recent(&rig.ctx.db, None).await.unwrap().is_empty());
        assert!(events::recent(&rig.ctx.db).await.unwrap().is_empty());
    }

    /// The same person twice is one lead, and a second hand-raise does not make a second offer.
    async fn one_person_is_one_lead(db: Db) {
        let rig = Rig::new(db).await;
        for _ in 0..2 {
            forms::submit(&rig.ctx, ada(FormKind::TalkToUs, forms::TALK_TO_US), &person()).await.unwrap();
            rig.clock.advance(MINUTE_MS);
        }
        let shouting = Submission { email: "ADA.Okafor@HarborClinic.example".into(), ..ada(FormKind::Whitepaper, PAPER) };
        forms::submit(&rig.ctx, shouting, &person()).await.unwrap();
        let all = leads::recent(&rig.ctx.db, None).await.unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(offers::of_lead(&rig.ctx.db, &all[0].id).await.unwrap().len(), 1);
    }

    /// With a tag, or without one, it is the same person: one lead, which keeps the address it has, by a form and by a file.
    async fn a_tag_makes_nobody_somebody_else(db: Db) {
        let rig = Rig::new(db).await;
        forms::submit(&rig.ctx, ada(FormKind::Whitepaper, PAPER), &person()).await.unwrap();
        rig.clock.advance(MINUTE_MS);
        let tagged = Submission {
            email: "Ada.Okafor+paper@harborclinic.example".into(),
            ..ada(FormKind::TalkToUs, forms::TALK_TO_US)
        };
        assert!(forms::submit(&rig.ctx, tagged, &person()).await.unwrap().qualified);
        let all = leads::recent(&rig.ctx.db, None).await.unwrap();
        assert_eq!((all.len(), all[0].email_key.as_str()), (1, "ada.okafor@harborclinic.example"));
        let file = "email,name,company,partner\nada.okafor+fair@harborclinic.example,Ada Okafor,Harbor,northlight\n";
        let known = intake::known(&rig.ctx, None).await.unwrap();
        let source = Source::Sheet(Sheet::open(file.as_bytes()).unwrap());
        let door = Door { actor: "ana", subject: "fair.csv", method: "import" };
        let taken = intake::take(&rig.ctx, &source, &known, &door, false).await.unwrap();
        assert_eq!((taken.new, taken.known), (0, 1));
        assert_eq!(leads::recent(&rig.ctx.db, None).await.unwrap().len(), 1);
    }

    /// Whoever presses the button again, or in two tabs at once, asked for it once: one act, one score, and what it unlocks each
    /// time. Later it is another act.
    async fn a_form_that_is_sent_again_counts_once(db: Db) {
        let rig = Rig::new(db).await;
        let send = || {
            let ctx = rig.ctx.clone();
            tokio::spawn(async move { forms::submit(&ctx, ada(FormKind::Whitepaper, PAPER), &person()).await.is_ok() })
        };
        for sent in [send(), send(), send(), send()] {
            assert!(sent.await.unwrap(), "each is answered");
        }
        rig.clock.advance(MINUTE_MS);
        forms::submit(&rig.ctx, ada(FormKind::Whitepaper, PAPER), &person()).await.unwrap();
        let all = leads::recent(&rig.ctx.db, None).await.unwrap();
        let acts = async || events::of_lead(&rig.ctx.db, &all[0].id).await.unwrap().len();
        assert_eq!((all.len(), acts().await, all[0].stage.as_str()), (1, 1, "inquiry"), "{:?}", all[0]);
        rig.clock.advance(HOUR_MS);
        forms::submit(&rig.ctx, ada(FormKind::Whitepaper, PAPER), &person()).await.unwrap();
        assert_eq!(acts().await, 2);
    }

    /// A scanner that follows three links at once, or too soon, is kept as evidence and counts for nothing.
    async fn a_scanner_is_no_reader(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let (_, target) = follow(&rig, "luis.ortega@northlight.example", PAPER).await;
        assert!(target.contains(PAPER));
        let clicks = events::recent(&rig.ctx.db).await.unwrap();
        assert!(clicks.iter().all(|event| !event.human), "within seconds of acceptance: {clicks:?}");
    }

    /// The whitepaper as a PDF in the partner's brand; asking twice makes it once.
    async fn a_whitepaper_is_a_pdf_in_the_partners_brand(db: Db) {
        let rig = Rig::new(db).await;
        let one = documents::for_customers(&rig.ctx, "northlight", PAPER, &Locale::en()).await.unwrap();
        assert!(one.pdf.starts_with(b"%PDF"));
        assert!(one.pdf.len() < 300_000, "{} bytes", one.pdf.len());
        let again = documents::for_customers(&rig.ctx, "northlight", PAPER, &Locale::en()).await.unwrap();
        assert!(std::sync::Arc::ptr_eq(&one.pdf, &again.pdf));
        let other = documents::for_customers(&rig.ctx, "dune-gate", PAPER, &Locale::en()).await.unwrap();
        assert_ne!(one.pdf, other.pdf, "another brand, without a logo");
        let kit = documents::for_customers(&rig.ctx, "northlight", "kits/proof-of-recovery", &Locale::en()).await;
        assert_eq!(kit.unwrap_err().kind(), Kind::NotFound, "kits are for the partner's own people");
    }
}
