//! A CSV file as checked rows (RFC 4180, with CRLF or LF, with or without a byte order mark).

use std::str;

use super::{
    FILE_BYTES_MAX, Faults, ROWS_MAX,
    words::{self, Wrong},
};
use crate::domain::{
    kernel::text::single_line,
    partner::{AudienceRole, Roles, country},
};

/// Most industries or solutions of one partner.
const WORDS_MAX: usize = 20;

/// A file's rows.
pub(super) struct Sheet {
    pub(super) rows: Vec<Row>,
}

/// One row, its fields by the header's names.
pub(super) struct Row {
    file: &'static str,
    header: &'static [&'static str],
    pub(super) line: u64,
    fields: Vec<String>,
}

impl Sheet {
    /// Reads `bytes`, whose header is `columns`, of which those after `columns_min` may be left out; none where the file as a whole cannot be used. Rows with the wrong number of fields, or that
    /// are not UTF-8, are faults and left out.
    pub(super) fn read(
        file: &'static str,
        bytes: &[u8],
        (columns, columns_min): (&'static [&'static str], usize),
        faults: &mut Faults,
    ) -> Option<Self> {
        if bytes.len() > FILE_BYTES_MAX {
            let message = format!("it has {} bytes; at most {FILE_BYTES_MAX} are taken", bytes.len());
            faults.add(file, 0, "", message, "split it into several imports");
            return None;
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(bytes);
        let mut records = reader.byte_records();
        let found = match records.next() {
            Some(Ok(record)) => record.iter().map(|f| String::from_utf8_lossy(f).trim().to_owned()).collect(),
            _ => Vec::new(),
        };
        let header = &columns[..found.len().clamp(columns_min, columns.len())];
        if found != header {
            let message = header_fault(&found, header);
            faults.add(file, 1, "", message, format!("write it as `{}`", header.join(",")));
            return None;
        }
        let mut rows = Vec::new();
        for record in records {
            if faults.is_full() {
                faults.more = true;
                break;
            }
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    faults.add(file, line, "", "the line cannot be read".to_owned(), "check its quotes");
                    continue;
                }
            };
            let line = record.position().map_or(0, csv::Position::line);
            if rows.len() == ROWS_MAX {
                let message = format!("there are more than {ROWS_MAX} rows");
                faults.add(file, line, "", message, "split it into several imports");
                break;
            }
            rows.extend(Row::read(file, header, line, &record, faults));
        }
        Some(Self { rows })
    }
}

fn header_fault(found: &[String], header: &[&str]) -> String {
    if found.is_empty() {
        return "the file is empty".to_owned();
    }
    let unknown: Vec<&str> = found.iter().map(String::as_str).filter(|c| !header.contains(c)).collect();
    let missing: Vec<&str> = header.iter().copied().filter(|c| !found.iter().any(|f| f == c)).collect();
    match (unknown.as_slice(), missing.as_slice()) {
        ([], []) => "the header's columns are in another order or given twice".to_owned(),
        ([], missing) => format!("the header lacks {}", missing.join(", ")),
        (unknown, []) => format!("the header has unknown columns: {}", unknown.join(", ").escape_debug()),
        (unknown, missing) => {
            format!(
                "the header lacks {} and has unknown {}",
                missing.join(", "),
                unknown.join(", ").escape_debug()
            )
        }
    }
}

impl Row {
    fn read(
        file: &'static str,
        header: &'static [&'static str],
        line: u64,
        record: &csv::ByteRecord,
        faults: &mut Faults,
    ) -> Option<Self> {
        if record.len() != header.len() {
            let message = format!("it has {} fields, the header has {}", record.len(), header.len());
            faults.add(
                file,
                line,
                "",
                message,
                "add or remove commas; put a text that holds a comma in quotes",
            );
            return None;
        }
        let mut fields = Vec::with_capacity(header.len());
        for (column, field) in header.iter().zip(record) {
            match str::from_utf8(field) {
                Ok(text) => fields.push(text.trim_matches(' ').to_owned()),
                Err(_) => {
                    faults.add(file, line, column, "it is not UTF-8".to_owned(), "save the file as UTF-8");
                    return None;
                }
            }
        }
        Some(Self { file, header, line, fields })
    }

    fn get(&self, column: &str) -> &str {
        self.header.iter().position(|name| *name == column).map_or("", |at| &self.fields[at])
    }

    fn fault(&self, column: &str, message: String, fix: impl Into<String>, faults: &mut Faults) {
        faults.add(self.file, self.line, column, message, fix);
    }

    /// A field that must be there, checked by `parse`.
    pub(super) fn checked<T, E: Into<Wrong>>(
        &self,
        column: &str,
        faults: &mut Faults,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.get(column);
        if text.is_empty() {
            self.fault(column, "it is empty".to_owned(), "every row needs it", faults);
            return None;
        }
        // Quoted back in messages, so nothing unsafe may pass.
        let line = single_line("the field", text).map_err(Wrong::from);
        line.and_then(|text| parse(&text).map_err(Into::into))
            .map_err(|wrong| self.fault(column, wrong.message, wrong.fix, faults))
            .ok()
    }

    /// Like `checked`, but may be empty.
    pub(super) fn optional<T, E: Into<Wrong>>(
        &self,
        column: &str,
        faults: &mut Faults,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        if self.get(column).is_empty() { Some(None) } else { self.checked(column, faults, parse).map(Some) }
    }

    /// A text of one line.
    pub(super) fn required_line(&self, column: &str, faults: &mut Faults) -> Option<String> {
        self.checked(column, faults, |text| Ok::<_, Wrong>(text.to_owned()))
    }

    /// One word of a fixed list.
    pub(super) fn word<W: words::Word>(&self, column: &str, faults: &mut Faults) -> Option<W> {
        let text = self.required_line(column, faults)?;
        let found = W::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known = || W::WORDS.iter().map(|(word, _)| *word);
            let fix = words::suggestion(&text, known())
                .unwrap_or_else(|| format!("use one of {}", known().collect::<Vec<_>>().join(", ")));
            self.fault(column, format!("`{text}` is no {column}"), fix, faults);
        }
        found
    }

    /// `yes` or `no`.
    pub(super) fn yes_no(&self, column: &str, faults: &mut Faults) -> Option<bool> {
        match self.required_line(column, faults)?.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            other => {
                self.fault(column, format!("`{other}` is neither yes nor no"), "write `yes` or `no`", faults);
                None
            }
        }
    }

    /// At least one role.
    pub(super) fn roles(&self, faults: &mut Faults) -> Option<Roles> {
        const FIX: &str = "use sales, technical, marketing, development or executive, separated by `;`";
        self.checked("roles", faults, |text| match Roles::parse(text) {
            Ok(roles) if roles.is_empty() => {
                Err(Wrong { message: "no role is given".to_owned(), fix: FIX.to_owned() })
            }
            Ok(roles) => Ok(roles),
            Err(word) => {
                let known = AudienceRole::ALL.into_iter().map(AudienceRole::as_str);
                let fix = words::suggestion(&word, known).unwrap_or_else(|| FIX.to_owned());
                Err(Wrong { message: format!("`{word}` is no role"), fix })
            }
        })
    }

    /// Words separated by `;`: industries, solutions.
    pub(super) fn words(&self, column: &str, faults: &mut Faults) -> Option<Vec<String>> {
        let text = self.optional(column, faults, |text| Ok::<_, Wrong>(text.to_owned()))?.unwrap_or_default();
        let words: Vec<String> =
            text.split(';').map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect();
        if words.len() > WORDS_MAX {
            self.fault(column, format!("there are {}", words.len()), format!("keep {WORDS_MAX}"), faults);
            return None;
        }
        Some(words)
    }

    /// Codes of countries, separated by `;`.
    pub(super) fn countries(&self, faults: &mut Faults) -> Option<Vec<String>> {
        let text =
            self.optional("countries", faults, |text| Ok::<_, Wrong>(text.to_owned()))?.unwrap_or_default();
        let mut all = Vec::new();
        let mut are_good = true;
        for word in text.split(';').map(str::trim).filter(|word| !word.is_empty()) {
            match country(word) {
                Ok(code) => all.push(code.to_owned()),
                Err(fix) => {
                    self.fault("countries", format!("`{word}` is no country's code"), fix, faults);
                    are_good = false;
                }
            }
        }
        are_good.then_some(all)
    }

    /// An https address of a site.
    pub(super) fn website(&self, faults: &mut Faults) -> Option<String> {
        let text = self.required_line("website", faults)?;
        let rest = text.strip_prefix("https://").unwrap_or("");
        let host = rest.split(['/', '?', '#']).next().unwrap_or("");
        let host_ok = host.contains('.')
            && !host.starts_with('.')
            && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | ':'));
        if host_ok && !text.contains([' ', '"', '<', '>', '\\']) {
            return Some(text);
        }
        let fix = "write the whole https address, such as `https://partner.example`";
        self.fault("website", format!("`{text}` is no https address"), fix, faults);
        None
    }
}
