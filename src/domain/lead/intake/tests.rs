//! Rows that pass, and every way in which one does not.

use super::*;

const NOW_MS: UtcMs = 1_799_744_400_000;

fn known() -> Known {
    Known {
        partners: ["northlight", "thornbury"].map(str::to_owned).into(),
        consents: [("whitepaper", true), ("talk-to-us", true), ("vendor-form", false)]
            .map(|(id, names)| (id.to_owned(), names))
            .into(),
        languages: [("whitepaper".to_owned(), ["de", "en", "pt-BR"].map(str::to_owned).into())].into(),
        assets: ["whitepapers/first-24-hours".to_owned()].into(),
        only: None,
    }
}

fn row(values: &[(&str, &str)]) -> Row {
    let mut row = Row::empty(7);
    let good = [("email", "ada@clinic.example"), ("name", "Ada Okafor"), ("company", "Harbor Clinic")];
    for (column, value) in good.iter().chain(values) {
        row.values[at(column).unwrap()] = (*value).to_owned();
    }
    row
}

fn faults(values: &[(&str, &str)]) -> Vec<(String, String)> {
    let found = check(&row(values), &known(), NOW_MS).err().unwrap_or_default();
    found.into_iter().map(|fault| (fault.column, format!("{}; {}", fault.message, fault.fix))).collect()
}

#[test]
fn a_whole_row_is_read() {
    let full = row(&[
        ("email", " Ada@Clinic.example "),
        ("phone", "+1 555 0100"),
        ("job_role", "it"),
        ("company_size", "50-249"),
        ("country", "us"),
        ("vertical", "Health"),
        ("partner", "northlight"),
        ("asset", "whitepapers/first-24-hours"),
        ("source", "Trade fair"),
        ("consent", "whitepaper"),
        ("consent_at", "2027-01-11T10:00:00+01:00"),
        ("message", "Please call.\r\nThanks"),
    ]);
    let intake = check(&full, &known(), NOW_MS).unwrap();
    assert_eq!(intake.email.key(), "ada@clinic.example");
    assert_eq!((intake.country.as_str(), intake.vertical.as_str()), ("US", "health"));
    assert_eq!(intake.consent, Some(("whitepaper".to_owned(), 1_799_658_000_000)));
    assert_eq!(intake.occurred_ms, Some(1_799_658_000_000), "when they agreed");
    assert_eq!(intake.message.as_deref(), Some("Please call.\nThanks"));
    assert!(intake.asks());
}

#[test]
fn a_language_is_one_in_which_the_text_is_there() {
    let with = |locale: &str| {
        row(&[
            ("partner", "northlight"),
            ("consent", "whitepaper"),
            ("consent_at", "2027-01-11"),
            ("locale", locale),
        ])
    };
    let read = |locale: &str| check(&with(locale), &known(), NOW_MS);
    assert_eq!(read("").unwrap().locale, None);
    assert_eq!(
        read("de-AT").unwrap().locale.map(|it| it.to_string()).as_deref(),
        Some("de-AT"),
        "German will do"
    );
    let wrong = read("fr").unwrap_err();
    assert_eq!((wrong[0].column.as_str(), wrong[0].value.as_str()), ("locale", "fr"));
    assert_eq!(wrong[0].fix, "use one of de, en, pt-BR, or leave it empty");
    assert_eq!(read("german, please").unwrap_err()[0].column, "locale");
}

#[test]
fn every_column_tells_what_is_wrong_and_how_to_mend_it() {
    let long = "x".repeat(300);
    let cases: &[(&str, &str, &str)] = &[
        ("email", "", "it is empty; every row needs an address"),
        ("email", "ada.clinic.example", "it is no email address: it has no @"),
        ("name", "", "it is empty"),
        ("name", "a\u{202e}b", "control character U+202E"),
        ("company", &long, "it is longer than 200 characters; shorten it"),
        ("phone", "call me", "it is no telephone number"),
        ("job_role", "executiv", "did you mean `executive`?"),
        ("company_size", "huge", "use one of 1-9, "),
        ("country", "UK", "did you mean `GB`?"),
        ("country", "XX", "ISO 3166-1"),
        ("partner", "nortlight", "did you mean `northlight`?"),
        ("asset", "whitepapers/first-24-hour", "did you mean `whitepapers/first-24-hours`?"),
        ("occurred_at", "12.1.2027", "it is no time"),
        ("occurred_at", "2027-02-30", "it is no time"),
        ("occurred_at", "2028-01-01", "it lies in the future"),
        ("occurred_at", "1999-12-31", "before the year 2000"),
    ];
    for (column, value, told) in cases {
        let found = faults(&[(column, value)]);
        assert!(
            found.len() == 1 && found[0].0 == *column && found[0].1.contains(told),
            "{column}: {found:?}"
        );
    }
    let found = faults(&[("message", &"x".repeat(2_001))]);
    assert!(found[0].1.contains("2000 characters"), "{found:?}");
}

#[test]
fn a_consent_needs_its_text_its_time_and_whom_it_names() {
    let with = |more: &[(&str, &str)]| faults(more).into_iter().map(|(column, _)| column).collect::<Vec<_>>();
    assert_eq!(with(&[("consent", "vendor-form")]), ["consent_at"]);
    assert_eq!(with(&[("consent_at", "2027-01-11")]), ["consent_at"]);
    let at = ("consent_at", "2027-01-11");
    assert_eq!(with(&[("consent", "whitepaper"), at]), ["consent"], "it names a partner and there is none");
    assert!(with(&[("consent", "whitepaper"), at, ("partner", "northlight")]).is_empty());
    assert!(with(&[("consent", "vendor-form"), at]).is_empty());
    assert!(faults(&[("consent", "vendor-from"), at])[0].1.contains("did you mean `vendor-form`?"));
}

#[test]
fn all_faults_of_a_row_are_told_at_once_and_shortened() {
    let long = "y".repeat(90);
    let found =
        check(&row(&[("email", &long), ("country", "XX"), ("phone", "z")]), &known(), NOW_MS).unwrap_err();
    assert_eq!(
        found.iter().map(|fault| fault.column.as_str()).collect::<Vec<_>>(),
        ["email", "phone", "country"]
    );
    assert_eq!(found[0].value.chars().count(), QUOTED_CHARS_MAX + 1);
    assert!(
        found[1].to_string().starts_with("row 7, phone `z`: it is no telephone number; "),
        "{}",
        found[1]
    );
}

#[test]
fn a_key_of_one_partner_means_that_partner() {
    let known = Known { only: Some("thornbury".to_owned()), ..known() };
    assert_eq!(check(&row(&[]), &known, NOW_MS).unwrap().partner, "thornbury");
}

#[test]
fn columns_come_in_any_order_and_unknown_ones_are_refused_with_what_was_meant() {
    let good = b"\xef\xbb\xbfname,email,company\r\nAda,ada@a.example,\"A, B\"\r\n\r\nBo,b@b.example,B\r\n";
    let sheet = Sheet::open(good).unwrap();
    let rows: Vec<_> = sheet.rows().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows[0].get("email"), "ada@a.example");
    assert_eq!((rows[0].no, rows[0].get("company")), (2, "A, B"));
    assert_eq!(rows[1].no, 4, "behind an empty line");

    let bad = Sheet::open(b"e-mail,name,name,colour\nnobody,,Ada,red\n").unwrap();
    let told: Vec<String> =
        bad.rows().filter_map(Result::err).map(|fault: Fault| fault.to_string()).collect();
    assert!(told[0].contains("`e-mail`") && told[0].contains("did you mean `email`?"), "{told:?}");
    assert!(told[1].contains("twice") && told[2].contains("there are email, "), "{told:?}");
    assert!(told[3].contains("the header lacks email, company"), "{told:?}");
    assert_eq!((told.len(), bad.rows().count()), (4, 5), "the rows are read all the same");
    assert!(bad.lacks("email") && !bad.lacks("name"), "so that no row is blamed for it");
    assert!(Sheet::open(b"").is_err());
}

#[test]
fn files_of_spreadsheets_that_write_a_comma_before_decimals_are_read() {
    for file in [
        "email;name;company\na@a.example;Ada;\"A; B, C\"\n",
        "email\tname\tcompany\na@a.example\tAda\tA; B, C\n",
    ] {
        let sheet = Sheet::open(file.as_bytes()).unwrap();
        let rows: Vec<Row> = sheet.rows().collect::<Result<_, _>>().unwrap();
        assert_eq!((rows.len(), rows[0].get("company")), (1, "A; B, C"));
    }
}

#[test]
fn rows_that_cannot_be_read_are_told_and_the_others_go_on() {
    let file = b"email,name,company\na@a.example,A\nb@b.example,\xff,B\nc@c.example,C,C\n";
    let sheet = Sheet::open(file).unwrap();
    let rows: Vec<_> = sheet.rows().collect();
    assert!(rows[0].as_ref().unwrap_err().message.contains("2 fields, the header has 3"));
    let second = rows[1].as_ref().unwrap_err();
    assert_eq!((second.row, second.column.as_str()), (3, "name"));
    assert!(rows[2].is_ok());
}

#[test]
fn what_a_rep_works_with_is_added_to_and_never_replaced() {
    let known = Profile {
        name: "Ada".into(),
        company: "Clinic".into(),
        phone: Some("1".into()),
        ..Profile::default()
    };
    let given = Profile {
        name: "Eve".into(),
        company: "Other".into(),
        phone: Some("2".into()),
        job_role: Some("it".into()),
        company_size: None,
    };
    let in_hand = known.clone().with(&given, true);
    assert_eq!((in_hand.name.as_str(), in_hand.phone.as_deref()), ("Ada", Some("1")));
    assert_eq!(in_hand.job_role.as_deref(), Some("it"));
    let free = known.with(&given, false);
    assert_eq!((free.name.as_str(), free.phone.as_deref()), ("Eve", Some("2")));
}
