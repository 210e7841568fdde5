//! What a deal is worth.

use std::fmt;

use iso_currency::Currency;

use crate::domain::{
    kernel::{Error, Result},
    partner::roster::nearest,
};

/// What people write in place of a code.
const OTHERS: [(&str, &str); 20] = [
    ("€", "EUR"),
    ("EURO", "EUR"),
    ("EUROS", "EUR"),
    ("$", "USD"),
    ("US$", "USD"),
    ("DOLLAR", "USD"),
    ("DOLLARS", "USD"),
    ("£", "GBP"),
    ("POUND", "GBP"),
    ("POUNDS", "GBP"),
    ("UKP", "GBP"),
    ("¥", "JPY"),
    ("YEN", "JPY"),
    ("RMB", "CNY"),
    ("CNH", "CNY"),
    ("SFR", "CHF"),
    ("FRANKEN", "CHF"),
    ("R$", "BRL"),
    ("NTD", "TWD"),
    ("C$", "CAD"),
];
/// Those that a slip of the keyboard most probably meant, before all others.
const LIKELY: [Currency; 9] = [
    Currency::EUR,
    Currency::USD,
    Currency::GBP,
    Currency::CHF,
    Currency::JPY,
    Currency::CAD,
    Currency::AUD,
    Currency::NOK,
    Currency::BRL,
];

/// The currency of a code (ISO 4217) in which something can be paid: that list has gold, units of account, a code for tests, and
/// one for no currency, too.
///
/// # Errors
/// What is wrong, and how to mend it.
pub fn currency(text: &str) -> std::result::Result<Currency, (String, String)> {
    let text = text.trim();
    let code = text.to_uppercase();
    let such = "write the code (ISO 4217) of the currency that is paid, such as EUR";
    match Currency::from_code(&code) {
        Some(known) if known.is_special() => {
            Err((format!("`{code}` is no currency that anybody pays in ({})", known.name()), such.to_owned()))
        }
        Some(known) => Ok(known),
        None => {
            let other = OTHERS.iter().find(|(other, _)| *other == code).map(|(_, meant)| *meant);
            let meant = other.or_else(|| nearest(&code, LIKELY.iter().map(Currency::code)));
            let fix = meant.map_or_else(|| such.to_owned(), |meant| format!("did you mean `{meant}`?"));
            Err((format!("`{text}` is no currency"), fix))
        }
    }
}

/// Most digits before the point: a trillion is a slip of the keyboard.
const WHOLE_DIGITS_MAX: usize = 12;

/// An amount of money. Amounts of two currencies are never added up: nobody says here what one is worth in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// In the currency's smallest unit, above zero.
    pub minor_units: i64,
    /// Its currency.
    pub currency: Currency,
}

impl Amount {
    /// Reads `12500` or `12500.50` and an ISO 4217 code.
    ///
    /// # Errors
    /// Names all that is wrong: an unknown currency, anything but digits and one point, more decimals than the currency
    /// has, nothing, or an absurd sum.
    pub fn parse(number: &str, currency: &str) -> Result<Self> {
        let mut faults = Vec::new();
        let known = self::currency(currency);
        let known = known.map_err(|(what, fix)| faults.push(format!("{what}: {fix}"))).ok();
        let decimals = known.and_then(Currency::exponent).map_or(2, usize::from);
        let minor_units = minor_units(number.trim(), decimals).map_err(|fault| faults.push(fault));
        match (known, minor_units) {
            (Some(currency), Ok(minor_units)) => Ok(Self { minor_units, currency }),
            _ => Err(Error::invalid(faults.join("; "))),
        }
    }

    /// One that was stored.
    ///
    /// # Errors
    /// A currency that is not known.
    pub fn stored(minor_units: i64, code: &str) -> Result<Self> {
        let currency = Currency::from_code(code);
        let currency = currency.ok_or_else(|| Error::internal(format!("`{code}` is no currency")))?;
        Ok(Self { minor_units, currency })
    }

    /// The number alone, `12500.50`.
    pub fn number(&self) -> String {
        let decimals = self.currency.exponent().map_or(2, usize::from);
        let text = format!("{:0>width$}", self.minor_units, width = decimals + 1);
        let (whole, part) = text.split_at(text.len() - decimals);
        if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number();
        let (whole, part) = number.split_once('.').unwrap_or((&number, ""));
        let mut grouped = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at) % 3 == 0 {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let point = if part.is_empty() || part.bytes().all(|digit| digit == b'0') { "" } else { "." };
        let part = if point.is_empty() { "" } else { part };
        write!(f, "{} {grouped}{point}{part}", self.currency.code())
    }
}

fn minor_units(number: &str, decimals: usize) -> std::result::Result<i64, String> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || number.ends_with('.') {
        let fix = meant(number).map_or_else(
            || "write digits, and a point before decimals, such as 12500.50".to_owned(),
            |meant| format!("did you mean {meant}?"),
        );
        return Err(format!("`{number}` is no sum: {fix}"));
    }
    if part.len() > decimals {
        return Err(format!("`{number}` has {} decimals where the currency has {decimals}", part.len()));
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > WHOLE_DIGITS_MAX {
        return Err(format!("`{number}` has more than {WHOLE_DIGITS_MAX} digits; check the sum"));
    }
    let all = format!("{whole}{part:0<decimals$}");
    match all.parse() {
        Ok(units) if units > 0 => Ok(units),
        _ => Err("the sum is nothing; leave it empty while it is not known".to_owned()),
    }
}

/// What a number with thousands parted, or with a comma before decimals, was probably meant to be. It is said and not taken:
/// `1,500` is another sum in Boston than in Berlin.
fn meant(number: &str) -> Option<String> {
    let bare: String =
        number.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’')).collect();
    let last = bare.rfind([',', '.']);
    let parts_thousands = |at: usize| bare.len() - at == 4 && !(bare.contains(',') && bare.contains('.'));
    let (whole, part) = match last {
        Some(at) if !parts_thousands(at) => (&bare[..at], &bare[at + 1..]),
        _ => (bare.as_str(), ""),
    };
    let whole: String = whole.chars().filter(|c| !matches!(c, ',' | '.')).collect();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_sum = !whole.is_empty() && is_number(&whole) && is_number(part);
    is_sum.then(|| if part.is_empty() { whole } else { format!("{whole}.{part}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_currency_is_refused_with_what_was_probably_meant() {
        for (text, told, fix) in [
            ("XXX", "`XXX` is no currency that anybody pays in (No currency)", "such as EUR"),
            ("xts", "`XTS` is no currency that anybody pays in (Code reserved for testing)", "such as EUR"),
            ("XAU", "Gold", "such as EUR"),
            ("XDR", "Special drawing rights", "such as EUR"),
            ("EURO", "`EURO` is no currency", "did you mean `EUR`?"),
            ("€", "`€` is no currency", "did you mean `EUR`?"),
            ("UDS", "`UDS` is no currency", "did you mean `USD`?"),
            ("", "`` is no currency", "such as EUR"),
            ("gold", "`gold` is no currency", "such as EUR"),
        ] {
            let (what, how) = currency(text).unwrap_err();
            assert!(what.contains(told) && how.contains(fix), "{text}: {what}; {how}");
        }
        for code in ["EUR", "usd", " XOF ", "CLF", "BGN"] {
            assert!(currency(code).is_ok(), "{code}");
        }
    }

    #[test]
    fn a_sum_written_another_way_is_told_as_it_was_meant() {
        for (number, says) in [
            ("12,500.50", "did you mean 12500.50?"),
            ("12.500,50", "did you mean 12500.50?"),
            ("12 500,5", "did you mean 12500.5?"),
            ("12'500", "did you mean 12500?"),
            ("1,000", "did you mean 1000?"),
            ("1.234.567", "did you mean 1234567?"),
            ("12,5", "did you mean 12.5?"),
            ("12.", "did you mean 12?"),
            ("1e9", "write digits"),
            ("-5", "write digits"),
            (",", "write digits"),
        ] {
            let fault = Amount::parse(number, "EUR").unwrap_err().to_string();
            assert!(fault.contains("is no sum") && fault.contains(says), "{number}: {fault}");
        }
    }

    #[test]
    fn sums_read_back_as_they_were_written() {
        for (number, code, units, shown) in [
            ("12500", "EUR", 1_250_000, "EUR 12,500"),
            ("12500.5", "eur", 1_250_050, "EUR 12,500.50"),
            (" 0980 ", "JPY", 980, "JPY 980"),
            ("1.234", "KWD", 1_234, "KWD 1.234"),
            ("0.01", "USD", 1, "USD 0.01"),
            ("999999999999.99", "NOK", 99_999_999_999_999, "NOK 999,999,999,999.99"),
        ] {
            let amount = Amount::parse(number, code).unwrap();
            assert_eq!((amount.minor_units, amount.to_string().as_str()), (units, shown));
            assert_eq!(Amount::parse(&amount.number(), code).unwrap(), amount);
            assert_eq!(Amount::stored(units, amount.currency.code()).unwrap(), amount);
        }
    }

    #[test]
    fn absurd_sums_are_refused_with_all_their_faults() {
        for (number, code, says) in [
            ("-5", "EUR", "no sum"),
            ("1,000", "EUR", "no sum"),
            ("1e9", "EUR", "no sum"),
            ("12.", "EUR", "no sum"),
            ("", "EUR", "no sum"),
            ("٣٤", "EUR", "no sum"),
            ("0.00", "EUR", "nothing"),
            ("5.5", "JPY", "0"),
            ("1.234", "EUR", "3 decimals"),
            ("1000000000000", "EUR", "more than 12 digits"),
            ("5", "EURO", "no currency"),
        ] {
            let fault = Amount::parse(number, code).unwrap_err();
            assert!(fault.to_string().contains(says), "{number} {code}: {fault}");
        }
        let both = Amount::parse("-5", "gold").unwrap_err().to_string();
        assert!(both.contains("no currency") && both.contains("no sum"), "{both}");
    }
}
