use super::*;

const PARTNERS: &str = "slug,name,type,tier,region,city,zone,locale,verticals,parent,channel_manager_email,website\n\
    ipe,Ipe Tecnologia,msp,gold,americas,São Paulo,America/Sao_Paulo,pt-BR,finance;health,,tom@vendor.example,https://ipe.example\n";
const CONTACTS: &str = "partner,name,email,roles,locale,zone,lead_contact\n\
    ipe,\"Prado, Renata\",renata.prado@ipe.example,executive;sales,,,yes\n";
const BRAND: &str = "primary = \"#9a3412\"\naccent = \"#0f5e9c\"\n";

fn parse(partners: &str, contacts: &str, brand: &str) -> Result<Roster, Vec<RowFault>> {
    let brands = BTreeMap::from([("ipe".to_owned(), brand.to_owned())]);
    Roster::parse(RosterFiles {
        partners: partners.as_bytes(),
        contacts: contacts.as_bytes(),
        brands: &brands,
    })
}

fn faults(partners: &str, contacts: &str, brand: &str) -> Vec<String> {
    parse(partners, contacts, brand).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_roster_is_read_with_bom_crlf_and_quotes() {
    let crlf = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let roster = parse(&crlf(PARTNERS), &crlf(CONTACTS), BRAND).unwrap();
    assert_eq!(roster, parse(PARTNERS, CONTACTS, BRAND).unwrap());
    assert_eq!(roster.contacts[0].name, "Prado, Renata");
    assert_eq!(roster.partners[0].verticals, ["finance", "health"]);
    assert_eq!(roster.partners[0].zone, chrono_tz::Tz::America__Sao_Paulo);
}

#[test]
fn every_fault_is_listed_at_once_with_its_place_and_a_way_out() {
    let partners = format!(
        "{PARTNERS}ipe,Twin,msp,gold,americas,X,Berlin,en_US,,nobody,tom@vendor.example,http://x.example\n\
         Bad Slug,A\u{202e}B,mps,glod,emae,,Mars/Base,english,,,nope,https://x\nshort,row\n"
    );
    let contacts = format!(
        "{CONTACTS}ipe,Twin,RENATA.prado@ipe.example,boss,,,yes\nipo,Eve,t@[127.0.0.1],sales,,,maybe\n\
         ipe,\"a\r\nBcc: x\",b@ipe.example,tecnical,,,no\n"
    );
    let found = faults(&partners, &contacts, BRAND);
    let text = found.join("\n");
    for expected in [
        "partners.csv:3 (slug): `ipe` is on line 2 already",
        "partners.csv:3 (zone): `Berlin` is no time zone; did you mean `Europe/Berlin`?",
        "partners.csv:3 (locale): `en_US` is no locale we know; did you mean `en-US`?",
        "partners.csv:3 (website): `http://x.example` is no https address",
        "partners.csv:4 (slug): `Bad Slug` is not a slug",
        "partners.csv:4 (name): the field holds the control character U+202E at position 2; remove it",
        "partners.csv:4 (type): `mps` is no type; did you mean `msp`?",
        "partners.csv:4 (tier): `glod` is no tier; did you mean `gold`?",
        "partners.csv:4 (region): `emae` is no region; did you mean `emea`?",
        "partners.csv:4 (city): it is empty",
        "partners.csv:4 (locale): `english` is no locale we know; did you mean `en`?",
        "partners.csv:4 (channel_manager_email): `nope` is not an email address: it has no @",
        "partners.csv:5: it has 2 fields, the header has 12",
        "contacts.csv:3 (roles): `boss` is no role",
        "contacts.csv:3 (email): `RENATA.prado@ipe.example` is on line 2 already",
        "contacts.csv:4 (partner): there is no partner `ipo`; did you mean `ipe`?",
        "contacts.csv:4 (email): `t@[127.0.0.1]` is not an email address",
        "contacts.csv:4 (lead_contact): `maybe` is neither yes nor no",
        "contacts.csv:5 (name): the field holds the control character U+000D",
        "contacts.csv:5 (roles): `tecnical` is no role; did you mean `technical`?",
    ] {
        assert!(text.contains(expected), "{expected}\n--- not in\n{text}");
    }
}

#[test]
fn each_partner_has_exactly_one_lead_contact() {
    let none = CONTACTS.replace(",yes", ",no");
    assert!(faults(PARTNERS, &none, BRAND)[0].contains("has no contact who receives its leads"));
    let two = format!("{CONTACTS}ipe,Caio Moura,caio@ipe.example,technical,,,yes\n");
    assert!(faults(PARTNERS, &two, BRAND)[0].contains("contacts.csv:3 (lead_contact)"));
}

#[test]
fn parents_are_distributors() {
    let row = |slug: &str, kind: &str, parent: &str| {
        format!("{slug},N,{kind},gold,emea,C,Asia/Dubai,ar-AE,,{parent},t@v.example,https://n.example\n")
    };
    let partners = |parent_kind: &str| {
        format!(
            "{}{}{}",
            PARTNERS.lines().next().unwrap().to_owned() + "\n",
            row("ipe", "msp", "dune"),
            row("dune", parent_kind, "")
        )
    };
    let contacts = format!("{CONTACTS}dune,L,l@dune.example,sales,,,yes\n");
    let brands =
        BTreeMap::from([("ipe".to_owned(), BRAND.to_owned()), ("dune".to_owned(), BRAND.to_owned())]);
    let check = |kind: &str| {
        let (partners, contacts) = (partners(kind), contacts.as_bytes());
        Roster::parse(RosterFiles { partners: partners.as_bytes(), contacts, brands: &brands })
    };
    assert_eq!(check("distributor").unwrap().partners[0].parent, Some(Slug::parse("dune").unwrap()));
    assert!(check("msp").unwrap_err()[0].message.contains("cannot be the parent"));
}

#[test]
fn brands_keep_their_limits() {
    let brand = format!(
        "{BRAND}value_proposition = \"{}\"\ncall_to_action = \"{}\"\ncontact_email = \"x\"\nlogo = \"abc\"\n\
         [value_proposition_by_locale]\nespanol = \"y\"\n",
        "v".repeat(161),
        "c".repeat(41)
    );
    let text = faults(PARTNERS, CONTACTS, &brand).join("\n");
    for expected in [
        "brand.toml:3 (value_proposition): it has 161 characters; 160 fit",
        "brand.toml:4 (call_to_action): it has 41 characters; 40 fit",
        "brand.toml:5 (contact_email)",
        "brand.toml:6 (logo)",
        "(value_proposition_by_locale): `espanol` is no locale",
    ] {
        assert!(text.contains(expected), "{expected}\n--- not in\n{text}");
    }
    assert!(faults(PARTNERS, CONTACTS, "primary = \"red\"\n")[0].contains("brand.toml:1"));
    let face = faults(PARTNERS, CONTACTS, &format!("{BRAND}typeface = \"jots\"\n"));
    assert!(
        face[0].contains("`jots` is no typeface of the set") && face[0].contains("did you mean `jost`?"),
        "{face:?}"
    );
    let dark = faults(PARTNERS, CONTACTS, &format!("{BRAND}logo_dark = \"ab\"\n"));
    assert!(dark[0].contains("(logo_dark)") && dark[0].contains("logo-dark.png"), "{dark:?}");
    assert!(
        faults(PARTNERS, CONTACTS, &format!("{BRAND}colour = 1\n"))[0]
            .contains("brand.toml:3: unknown field")
    );
    let brands = BTreeMap::from([("ipx".to_owned(), BRAND.to_owned())]);
    let files = RosterFiles { partners: PARTNERS.as_bytes(), contacts: CONTACTS.as_bytes(), brands: &brands };
    let found = Roster::parse(files).unwrap_err();
    assert_eq!(found.len(), 2, "a partner without a brand, a brand without a partner: {found:?}");
}

#[test]
fn limits_hold_and_the_list_of_faults_ends() {
    assert!(
        faults(&PARTNERS.replace("tier", "level"), CONTACTS, BRAND)[0]
            .contains("lacks tier and has unknown level")
    );
    assert!(faults("", CONTACTS, BRAND)[0].contains("the file is empty"));
    assert!(faults(&"x".repeat(FILE_BYTES_MAX + 1), CONTACTS, BRAND)[0].contains("bytes"));
    let many = format!("{CONTACTS}{}", "a,b\n".repeat(2_000));
    let found = faults(PARTNERS, &many, BRAND);
    assert_eq!(found.len(), FAULTS_MAX + 1);
    assert!(found[FAULTS_MAX].contains("more than these 1000"), "{}", found[FAULTS_MAX]);
    let wrong_zone = format!("x,N,msp,gold,emea,C,{},en,,,t@v.example,https://n.example\n", "Z".repeat(190));
    assert!(
        faults(&format!("{PARTNERS}{}", wrong_zone.repeat(20_000)), CONTACTS, BRAND).len() <= FAULTS_MAX + 1
    );
    let bytes = [PARTNERS.as_bytes(), b"\xff\xfe,,,,,,,,,,,\n"].concat();
    let brands = BTreeMap::from([("ipe".to_owned(), BRAND.to_owned())]);
    let files = RosterFiles { partners: &bytes, contacts: CONTACTS.as_bytes(), brands: &brands };
    assert!(Roster::parse(files).unwrap_err()[0].message.contains("not UTF-8"));
}

#[test]
fn files_of_any_spreadsheet_and_columns_in_any_order_are_read() {
    let whole = parse(PARTNERS, CONTACTS, BRAND).unwrap();
    let cells = |text: &str, between: &str| {
        let text = text
            .replace("executive;sales", "\"executive;sales\"")
            .replace("finance;health", "\"finance;health\"");
        text.replace("Prado, Renata", "Prado_ Renata").replace(',', between).replace("Prado_ ", "Prado, ")
    };
    for between in [";", "\t"] {
        assert_eq!(parse(&cells(PARTNERS, between), &cells(CONTACTS, between), BRAND).unwrap(), whole);
    }
    let turned = "email,partner,name,lead_contact,roles,zone,locale\n\
                  renata.prado@ipe.example,ipe,\"Prado, Renata\",yes,executive;sales,,\n";
    assert_eq!(parse(PARTNERS, turned, BRAND).unwrap(), whole);
}

#[test]
fn a_fault_of_the_header_hides_none_of_the_cells_and_blames_no_other_file() {
    let partners = PARTNERS.replace("tier", "level").replace("msp", "mps");
    let found = faults(&partners, CONTACTS, BRAND);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("lacks tier and has unknown level") && found[1].contains("(type)"),
        "{found:?}"
    );
    let found = faults(&PARTNERS.replace("slug", "sluk"), CONTACTS, BRAND);
    assert_eq!(found.len(), 1, "nobody knows the partners, so no contact is blamed: {found:?}");
    let found = faults(PARTNERS, &CONTACTS.replace("lead_contact", "leads").replace("sales", "boss"), BRAND);
    assert_eq!(found.len(), 2, "{found:?}");
    let found = faults(PARTNERS, &CONTACTS.replace("zone", "locale"), BRAND);
    assert!(found[0].contains("lacks zone"), "{found:?}");
    let found = faults(PARTNERS, &CONTACTS.replace("zone", "name,zone").replace(",,,yes", ",,,,yes"), BRAND);
    assert!(found[0].contains("the header has `name` twice"), "{found:?}");
}
