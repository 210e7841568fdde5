//! Countries by their two letters (ISO 3166-1 alpha-2).

/// All codes, in order.
const CODES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ \
    BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR \
    CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU \
    ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ \
    LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ \
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF \
    PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI \
    SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR \
    TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW \
    ";

/// What people write in place of a code.
const OTHERS: [(&str, &str); 18] = [
    ("UK", "GB"),
    ("EN", "GB"),
    ("GREAT BRITAIN", "GB"),
    ("UNITED KINGDOM", "GB"),
    ("USA", "US"),
    ("UNITED STATES", "US"),
    ("GERMANY", "DE"),
    ("DEUTSCHLAND", "DE"),
    ("GER", "DE"),
    ("AUSTRIA", "AT"),
    ("SWITZERLAND", "CH"),
    ("FRANCE", "FR"),
    ("SPAIN", "ES"),
    ("ITALY", "IT"),
    ("NORWAY", "NO"),
    ("BRAZIL", "BR"),
    ("JAPAN", "JP"),
    ("CANADA", "CA"),
];

/// The code that `text` is, in upper case.
///
/// # Errors
/// How to mend it.
pub fn country(text: &str) -> Result<&'static str, String> {
    let upper = text.trim().to_uppercase();
    if let Some(code) = CODES.split_whitespace().find(|code| *code == upper) {
        return Ok(code);
    }
    let meant = OTHERS.iter().find(|(other, _)| *other == upper).map(|(_, code)| *code);
    Err(meant.map_or_else(
        || "use the two letters of ISO 3166-1, such as DE or US".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    ))
}
