//! The attendance list of a webinar tool: who was there, by address, from CSV.
//!
//! Tools name their columns differently, and list whoever comes back twice in several lines; both are read. Other columns are
//! left alone.

use std::collections::BTreeMap;

use crate::domain::kernel::{
    EmailAddress,
    sheet::{Line, Table},
};

/// Largest list, in bytes.
pub const LIST_BYTES_MAX: usize = 10 * 1_024 * 1_024;
/// Most lines of a list.
const LINES_MAX: usize = 50_000;
/// Faults named at once.
const FAULTS_MAX: usize = 100;
/// Longest attendance, in minutes: a day.
const MINUTES_MAX: u32 = 1_440;

/// Longest field shown in a message, in characters.
const SHOWN_CHARS_MAX: usize = 120;

/// What tools call the column with the address.
const EMAIL: [&str; 4] = ["email", "email address", "user email", "attendee email"];
/// What they call the one that says yes or no.
const ATTENDED: [&str; 2] = ["attended", "attendance"];
/// What they call the one with the minutes.
const MINUTES: [&str; 5] =
    ["minutes", "duration (minutes)", "time in session (minutes)", "duration", "time in session"];

/// A list that was read whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Keys of the addresses of those who were there, each once, with the minutes where the list says them.
    pub present: BTreeMap<String, Option<u32>>,
    /// How many others it lists, who were not.
    pub absent: usize,
}

/// Reads a list.
///
/// # Errors
/// Every fault, with its line and how to mend it; at most a hundred.
pub fn parse(bytes: &[u8]) -> Result<Attendance, Vec<String>> {
    let table = Table::open(bytes, LIST_BYTES_MAX, "email,attended,minutes")
        .map_err(|slip| vec![format!("{}; {}", slip.message, slip.fix)])?;
    let header: Vec<String> = table.header.iter().map(|name| name.to_lowercase()).collect();
    let columns = Columns::of(&header).map_err(|fault| vec![fault])?;
    let (mut all, mut faults, mut lines) = (BTreeMap::new(), Vec::new(), 0);
    for line in table.lines() {
        if faults.len() == FAULTS_MAX {
            faults.push(format!("there are more than these {FAULTS_MAX} faults; mend them, then try again"));
            break;
        }
        lines += 1;
        if lines > LINES_MAX {
            faults.push(format!("there are more than {LINES_MAX} lines; split it"));
            break;
        }
        match line {
            Ok(Line { no, fields }) => match columns.read(&fields) {
                Ok((key, was_there)) => join(&mut all, key, was_there),
                Err(why) => faults.extend(why.into_iter().map(|why| format!("line {no}: {why}"))),
            },
            Err(slip) => faults.push(format!("line {}: {}; {}", slip.no, slip.message, slip.fix)),
        }
    }
    if faults.is_empty() && all.is_empty() {
        faults.push("it lists nobody".to_owned());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let absent = all.values().filter(|was_there| was_there.is_none()).count();
    let present = all.into_iter().filter_map(|(key, was_there)| Some((key, was_there?))).collect();
    Ok(Attendance { present, absent })
}

/// Whether somebody was there, and for how many minutes, where that is said.
type WasThere = Option<Option<u32>>;

/// Whoever left and came back was there for the sum, a day at most.
fn join(all: &mut BTreeMap<String, WasThere>, key: String, was_there: WasThere) {
    let known = all.entry(key).or_default();
    *known = match (*known, was_there) {
        (Some(Some(a)), Some(Some(b))) => Some(Some((a + b).min(MINUTES_MAX))),
        (Some(a), Some(b)) => Some(a.or(b)),
        (a, b) => a.or(b),
    };
}

/// A field as far as it fits into a message.
fn shown(field: &str) -> String {
    field.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_CHARS_MAX).collect()
}

/// Where in a line stands what.
struct Columns {
    email: usize,
    attended: Option<usize>,
    minutes: Option<usize>,
}

impl Columns {
    fn of(header: &[String]) -> Result<Self, String> {
        let at = |names: &[&str]| header.iter().position(|found| names.contains(&found.as_str()));
        let Some(email) = at(&EMAIL) else {
            let found = header.join(", ");
            return Err(format!(
                "line 1: no column holds the address; name one `email` (the columns are: {})",
                shown(&found)
            ));
        };
        Ok(Self { email, attended: at(&ATTENDED), minutes: at(&MINUTES) })
    }

    /// Whose line it is, and whether they were there.
    fn read(&self, record: &csv::ByteRecord) -> Result<(String, WasThere), Vec<String>> {
        let mut faults = Vec::new();
        let field = |at: usize| String::from_utf8_lossy(record.get(at).unwrap_or_default()).trim().to_owned();
        let email = field(self.email);
        let address = EmailAddress::parse(&email);
        if address.is_err() {
            faults.push(format!("`{}` is no address", shown(&email)));
        }
        let attended = self.attended.map(field).unwrap_or_default();
        let attended = match attended.to_lowercase().as_str() {
            "" => None,
            "yes" | "y" | "true" | "1" | "attended" | "present" => Some(true),
            "no" | "n" | "false" | "0" | "absent" | "did not attend" | "no show" => Some(false),
            other => {
                faults.push(format!("`{}` is neither yes nor no", shown(other)));
                None
            }
        };
        let minutes = self.minutes.map(field).unwrap_or_default();
        let minutes = match minutes.as_str() {
            "" | "--" | "-" => None,
            text => match text.parse::<u32>().ok().filter(|minutes| *minutes <= MINUTES_MAX) {
                Some(minutes) => Some(minutes),
                None => {
                    let text = shown(text);
                    faults.push(format!("`{text}` is no number of minutes from 0 to {MINUTES_MAX}"));
                    None
                }
            },
        };
        match address {
            Ok(address) if faults.is_empty() => {
                // A list without either column names those who were there.
                let says_nothing = attended.is_none() && (self.attended.is_some() || self.minutes.is_some());
                let was_there = attended.unwrap_or(minutes.map_or(!says_nothing, |minutes| minutes > 0));
                Ok((address.key(), was_there.then_some(minutes)))
            }
            _ => Err(faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, Option<u32>)>, Vec<String>> {
        parse(text.as_bytes()).map(|list| list.present.into_iter().collect())
    }

    #[test]
    fn the_lists_of_tools_are_read_as_they_are() {
        let one = |key: &str, minutes| (key.to_owned(), minutes);
        assert_eq!(read("email\nAna@Clinic.example\n").unwrap(), [one("ana@clinic.example", None)]);
        let zoom = "\u{feff}Attended,User Name,Email,Join Time,Time in Session (minutes)\r\n\
                    Yes,\"Ruiz, Ana\",ana@clinic.example,2027-02-10 15:01,31\r\n\
                    Yes,Ana,ANA@clinic.example,2027-02-10 15:40,12\r\nNo,Bo,bo@clinic.example,--,--\r\n";
        let list = parse(zoom.as_bytes()).unwrap();
        assert_eq!(list.present.into_iter().collect::<Vec<_>>(), [one("ana@clinic.example", Some(43))]);
        assert_eq!(list.absent, 1);
        let european = "Email;Attended;Minutes\r\nana@clinic.example;yes;31\r\n";
        assert_eq!(read(european).unwrap(), [one("ana@clinic.example", Some(31))]);
        let minutes = "email,minutes\na@x.example,0\nb@x.example,5\nc@x.example,\n";
        assert_eq!(read(minutes).unwrap(), [one("b@x.example", Some(5))], "who says nothing was not there");
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let faults = read("email,attended,minutes\nnobody,maybe,1.5\na@x.example,yes,2000\n").unwrap_err();
        assert_eq!(
            faults,
            [
                "line 2: `nobody` is no address",
                "line 2: `maybe` is neither yes nor no",
                "line 2: `1.5` is no number of minutes from 0 to 1440",
                "line 3: `2000` is no number of minutes from 0 to 1440",
            ]
        );
        let none = "line 1: no column holds the address; name one `email` (the columns are: name, mail)";
        assert_eq!(read("name,mail\n").unwrap_err(), [none]);
        assert_eq!(read("").unwrap_err().len(), 1);
        assert_eq!(read("email\n").unwrap_err(), ["it lists nobody"]);
        let many = "email\n".to_owned() + &"x\n".repeat(500);
        assert_eq!(read(&many).unwrap_err().len(), FAULTS_MAX + 1);
    }
}
