//! Field maps: those that are shipped against JSON written by hand, and every fault.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    content::{Finding, Library, SourceFile},
    lead::{Amount, LeadStage, update},
};

const LEAD: &str = "led_0190a5f4c0de7abc8def0123456789ab";
const SHIPPED: [(&str, &str); 3] = [
    ("salesforce", include_str!("../../../content/crm/salesforce.toml")),
    ("hubspot", include_str!("../../../content/crm/hubspot.toml")),
    ("dynamics", include_str!("../../../content/crm/dynamics.toml")),
];

fn library(name: &str, text: &str) -> Library {
    let file = SourceFile { path: format!("crm/{name}.toml"), bytes: text.as_bytes().to_vec() };
    Library::build(vec![file]).0
}

fn faults(text: &str) -> Vec<Finding> {
    findings(&library("x", text))
}

fn shipped(name: &str) -> FieldMap {
    let text = SHIPPED.iter().find(|(known, _)| *known == name).unwrap().1;
    let library = library(name, text);
    assert_eq!(findings(&library), [], "{name}");
    map_of(&library, name).unwrap()
}

fn facts(stage: LeadStage) -> Facts {
    Facts {
        lead_id: LEAD.to_owned(),
        partner: "northlight".to_owned(),
        partner_name: "Northlight MSP".to_owned(),
        stage,
        created_ms: 1_799_740_800_000,
        changed_ms: 1_799_744_400_000,
        email: "eva@harbor.example".to_owned(),
        name: "Eva Maria Lind".to_owned(),
        company: "Harbor AG".to_owned(),
        phone: String::new(),
        job_role: "it".to_owned(),
        company_size: "50-249".to_owned(),
        country: "DE".to_owned(),
        vertical: String::new(),
        locale: "de".to_owned(),
        asset: "whitepapers/first-24-hours".to_owned(),
        origin: "Form".to_owned(),
        score: 42,
        fit: "A".to_owned(),
        owner_name: "Luis Ortega".to_owned(),
        owner_email: "luis@northlight.example".to_owned(),
        reason: String::new(),
        amount: Some(Amount::parse("12500.50", "EUR").unwrap()),
        close_date: "2027-03-31".to_owned(),
        agrees: true,
        consent_ms: Some(1_799_740_800_000),
        consent_text: "talk-to-us v1".to_owned(),
    }
}

#[test]
fn salesforce_is_brought_a_lead_by_its_external_id() {
    let map = shipped("salesforce");
    let request = upsert(&map, &facts(LeadStage::Contacted), true).unwrap();
    assert_eq!(request.method, "PATCH");
    assert_eq!(request.path, format!("/services/data/v62.0/sobjects/Lead/Partnercast_Lead_Id__c/{LEAD}"));
    assert_eq!(request.headers, [("idempotency-key", format!("{LEAD}:contacted:1799744400000"))]);
    let again = Facts { changed_ms: 1_799_830_800_000, ..facts(LeadStage::Contacted) };
    assert_ne!(
        upsert(&map, &again, true).unwrap().headers,
        request.headers,
        "the same stage on another day is another change"
    );
    let expected = json!({
        "FirstName": "Eva Maria", "LastName": "Lind", "Company": "Harbor AG", "Email": "eva@harbor.example",
        "CountryCode": "DE", "HasOptedOutOfEmail": false, "Partnercast_Consent__c": "talk-to-us v1",
        "Partnercast_Consent_At__c": "2027-01-12T08:00:00Z", "Partnercast_Partner__c": "Northlight MSP",
        "Partnercast_Stage__c": "contacted", "Partnercast_Stage_At__c": "2027-01-12T09:00:00Z",
        "Partnercast_Asset__c": "whitepapers/first-24-hours", "Partnercast_Score__c": 42, "Partnercast_Fit__c": "A",
        "Partnercast_Value__c": 12500.5, "CurrencyIsoCode": "EUR", "Partnercast_Close_Date__c": "2027-03-31",
        "LeadSource": "Partner", "Status": "Working - Contacted",
    });
    assert_eq!(request.body, Some(expected.clone()));
    let direct = FieldMap { body: Body::Request, ..map.clone() };
    let body: Value = serde_json::from_str(&document(&direct, LEAD, "{}", &request).unwrap()).unwrap();
    assert_eq!(
        body,
        json!({ "allOrNone": true, "compositeRequest": [{
            "method": "PATCH", "url": request.path, "referenceId": "lead", "body": expected,
        }] })
    );
    let gone = erasure(&map, LEAD);
    assert_eq!((gone.method, &gone.path, gone.body), ("DELETE", &request.path, None));
}

#[test]
fn hubspot_is_brought_a_contact_by_a_unique_property_all_in_text() {
    let map = shipped("hubspot");
    let request = upsert(&map, &facts(LeadStage::Won), true).unwrap();
    assert_eq!((request.method, request.path.as_str()), ("POST", "/crm/v3/objects/contacts/batch/upsert"));
    assert_eq!(
        request.body,
        Some(json!({ "inputs": [{
            "id": LEAD, "idProperty": "partnercast_lead_id", "objectWriteTraceId": format!("{LEAD}:won:1799744400000"), "properties": {
                "email": "eva@harbor.example", "firstname": "Eva Maria", "lastname": "Lind", "company": "Harbor AG",
                "jobtitle": "it", "country": "DE", "hs_language": "de", "partnercast_consent": "true",
                "partnercast_consent_text": "talk-to-us v1", "partnercast_consent_at": "2027-01-12T08:00:00Z",
                "partnercast_partner": "Northlight MSP", "partnercast_stage": "won",
                "partnercast_stage_at": "2027-01-12T09:00:00Z", "partnercast_asset": "whitepapers/first-24-hours",
                "partnercast_score": "42", "partnercast_fit": "A", "partnercast_value": "12500.5",
                "partnercast_currency": "EUR", "partnercast_close_date": "2027-03-31",
                "hs_lead_status": "OPEN_DEAL", "lifecyclestage": "customer",
            },
        }] }))
    );
    let gone = erasure(&map, LEAD).body.unwrap();
    assert_eq!(gone["inputs"][0]["properties"]["email"], "");
    assert!(gone["inputs"][0]["properties"].get("partnercast_stage").is_none(), "what is not personal stays");
}

#[test]
fn dynamics_is_brought_a_row_by_its_alternate_key() {
    let map = shipped("dynamics");
    let request = upsert(&map, &facts(LeadStage::Sql), true).unwrap();
    assert_eq!(request.method, "PATCH");
    assert_eq!(request.path, format!("/api/data/v9.2/leads(new_partnercastleadid='{LEAD}')"));
    assert!(request.headers.contains(&("odata-version", "4.0".to_owned())));
    let body = request.body.clone().unwrap();
    assert_eq!(body["transactioncurrencyid@odata.bind"], "/transactioncurrencies(isocurrencycode='EUR')");
    assert_eq!(body["subject"], "whitepapers/first-24-hours (Northlight MSP)");
    assert_eq!(
        (&body["estimatedamount"], &body["statecode"], &body["statuscode"]),
        (&json!(12500.5), &json!(0), &json!(2))
    );
    let poor = Facts { amount: None, asset: String::new(), ..facts(LeadStage::Sql) };
    let poor = upsert(&map, &poor, true).unwrap().body.unwrap();
    for absent in ["transactioncurrencyid@odata.bind", "subject", "estimatedamount", "telephone1"] {
        assert!(poor.get(absent).is_none(), "{absent}: nothing overwrites nothing");
    }
    let direct = FieldMap { body: Body::Request, ..map.clone() };
    let target: Value = serde_json::from_str(&document(&direct, LEAD, "{}", &request).unwrap()).unwrap();
    assert_eq!(target["Targets"][0]["@odata.type"], "Microsoft.Dynamics.CRM.lead");
    assert_eq!(target["Targets"][0]["@odata.id"], format!("leads(new_partnercastleadid='{LEAD}')"));
    assert_eq!(target["Targets"][0]["lastname"], "Lind");
    assert_eq!(erasure(&map, LEAD).body.unwrap()["lastname"], Value::Null);
}

#[test]
fn an_envelope_is_our_message_with_the_request_and_without_a_person_where_none_may_be_known() {
    let map = shipped("salesforce");
    let request = upsert(&map, &facts(LeadStage::Disqualified), false).unwrap();
    let body = request.body.as_ref().unwrap();
    assert!(body.get("LastName").is_none() && body.get("Email").is_none() && body.get("Company").is_none());
    assert_eq!(body["Status"], "Closed - Not Converted");
    let text =
        document(&map, LEAD, r#"{"type":"lead.stage_changed","data":{"lead_id":"x"}}"#, &request).unwrap();
    let message: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&message["type"], &message["request"]["method"]),
        (&json!("lead.stage_changed"), &json!("PATCH"))
    );
    assert_eq!(
        message["request"]["headers"]["idempotency-key"],
        format!("{LEAD}:disqualified:1799744400000")
    );
    assert!(!text.contains("Lind") && !text.contains("harbor"));
    assert!(document(&map, LEAD, "no JSON", &request).is_err());
}

#[test]
fn the_words_of_a_crm_come_back_as_ours() {
    let map = shipped("salesforce");
    let data = json!({
        "Partnercast_Lead_Id__c": LEAD, "Partnercast_Outcome__c": "Closed Won", "Partnercast_Value__c": 12500.5,
        "CurrencyIsoCode": "EUR", "Partnercast_Close_Date__c": "2027-01-11T00:00:00.000Z", "Id": "00Q000000000001", "Partnercast_Note__c": null,
    });
    let (row, none) = said::row(Some(&map), data.as_object().unwrap());
    assert_eq!(none, []);
    let read: Vec<&str> =
        ["lead_id", "stage", "value", "currency", "close_date", "note"].map(|field| row.get(field)).to_vec();
    assert_eq!(read, [LEAD, "won", "12500.5", "EUR", "2027-01-11", ""]);
    assert!(update::check(&row, 1_800_000_000_000).is_ok());
    let wrong = json!({ "Partnercast_Outcome__c": "Closed Wonn", "Partnercast_Loss_Reason__c": "Budget", "Partnercast_Value__c": [1] });
    let told = update(Some(&map), wrong.as_object().unwrap(), 0).unwrap_err();
    assert_eq!(
        told.iter().map(|fault| fault.column.as_str()).collect::<Vec<_>>(),
        [
            "Partnercast_Outcome__c",
            "Partnercast_Value__c",
            "Partnercast_Loss_Reason__c",
            "Partnercast_Lead_Id__c",
        ],
        "fields by the names that whoever sent them knows"
    );
    assert!(
        told[0].message.contains("[back.stages]") && told[2].message.contains("[back.reasons]"),
        "{told:?}"
    );
    assert!(told[0].fix.contains("Closed Won"), "{told:?}");
    let plain = json!({ "lead_id": LEAD, "stage": "won", "valu": 5 });
    let told = update(None, plain.as_object().unwrap(), 0).unwrap_err();
    assert_eq!(told[0].fix, "did you mean `value`?");
    assert_eq!(
        told.iter().map(|fault| fault.column.as_str()).collect::<Vec<_>>(),
        ["valu", "currency", "value"]
    );
}

#[test]
fn every_fault_of_a_map_is_found_at_once() {
    let good = SHIPPED[0].1;
    let codes_of = |text: &str| faults(text).iter().map(|finding| finding.code).collect::<Vec<_>>();
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        codes_of(&good.replacen(from, to, 1))
    };
    assert_eq!(changed("\"first_name\"", "\"frist_name\""), ["C570"]);
    assert_eq!(changed("\"first_name\"", "\"{first_name\""), ["C570"]);
    assert_eq!(changed("FirstName =", "\"First Name\" ="), ["C570"]);
    assert_eq!(changed("object = \"Lead\"", "object = \"Lead/../User\""), ["C570"]);
    assert_eq!(changed("[stages.won]", "[stages.wonn]"), ["C571", "C571"]);
    assert_eq!(changed("\"Closed Won\" = \"won\"", "\"Closed Won\" = \"offered\""), ["C572"]);
    assert_eq!(changed("LeadSource =", "Partnercast_Lead_Id__c ="), ["C573"]);
    assert_eq!(changed("crm = \"salesforce\"", "crm = \"dynamics\""), ["C104"]);
    assert_eq!(changed("body = \"envelope\"", "bodi = \"envelope\""), ["C103"]);
    let wrong =
        good.replacen("\"first_name\"", "\"frist_name\"", 1).replacen("[stages.won]", "[stages.wonn]", 1);
    assert_eq!(codes_of(&wrong).len(), 3);
    assert!(map_of(&library("x", &wrong), "x").is_none(), "a map with faults renders nothing");
    let meant = faults(&good.replacen("\"first_name\"", "\"frist_name\"", 1)).remove(0);
    assert!(meant.fix.contains("first_name") && meant.file == "crm/x.toml" && meant.line > 1, "{meant}");
    assert!(!codes_of("crm = 1\n").is_empty() && !codes_of("= =").is_empty());
}

/// What is wrong is told in the words of the file, at the line where it stands.
#[test]
fn faults_of_a_map_speak_of_the_file() {
    let good = SHIPPED[0].1;
    let line_of =
        |text: &str, words: &str| text.lines().position(|line| line.starts_with(words)).unwrap() + 1;
    for (from, to, at, says) in [
        (
            "FirstName = \"first_name\"",
            "FirstName = \"frist_name\"",
            "FirstName",
            "`fields.FirstName` takes `frist_name`, which no lead has",
        ),
        (
            "[stages.won]",
            "[stages.wonn]",
            "[stages.wonn]",
            "`[stages.wonn]`: no lead is ever at the stage `wonn`",
        ),
        (
            "LeadSource =",
            "Partnercast_Lead_Id__c =",
            "Partnercast_Lead_Id__c",
            "`constants.Partnercast_Lead_Id__c` is the `external_id`",
        ),
        (
            "\"Closed Won\" = \"won\"",
            "\"Closed Won\" = \"offered\"",
            "\"Closed Won\"",
            "`[back.stages]` reads `Closed Won` as `offered`",
        ),
        (
            "note = \"Partnercast_Note__c\"",
            "note = \"Partnercast_Value__c\"",
            "note",
            "another key of `[back]` reads `Partnercast_Value__c` already",
        ),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let found = faults(&text);
        let fault = found.iter().find(|it| it.message.contains(says));
        let fault = fault.unwrap_or_else(|| panic!("{says}: {found:?}"));
        assert_eq!(usize::try_from(fault.line).unwrap(), line_of(&text, at), "{fault}");
    }
    let missing = faults(&good.replacen("[stages.won]", "[stages.wonn]", 1));
    assert!(missing.iter().any(|it| it.message.contains("`[stages.won]` is missing (Won)")), "{missing:?}");
}

#[test]
fn the_guide_tells_of_every_field() {
    let page = guide::reference();
    assert!(Source::ALL.iter().all(|source| page.contains(&format!("| `{}` |", source.as_str()))));
    assert!(update::FIELDS.iter().all(|(field, _)| page.contains(&format!("| `{field}` |"))));
    assert!(page.contains("C570 to C573"));
}

proptest! {
    /// The same lead at the same stage has the same key and the same request, and another stage another key; whatever stands in
    /// its fields, the path is the lead's alone and the body is JSON.
    #[test]
    fn the_same_step_is_the_same_request(
        name in ".{0,40}", company in ".{0,40}", score in any::<i64>(), one in prop::sample::select(LeadStage::ALL),
        other in prop::sample::select(LeadStage::ALL), which in 0..3_usize,
    ) {
        let map = shipped(SHIPPED[which].0);
        let of = |stage| upsert(&map, &Facts { name: name.clone(), company: company.clone(), score, ..facts(stage) }, true).unwrap();
        let (first, again) = (of(one), of(one));
        prop_assert_eq!(&first, &again);
        prop_assert_eq!(first.headers[0].1 == of(other).headers[0].1, one == other);
        prop_assert!(first.path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._()'=".contains(&byte)));
        let text = document(&map, LEAD, "{}", &first).unwrap();
        prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
    }
}
