//! A CSV file as checked rows.

use super::{
    FILE_BYTES_MAX, Faults, ROWS_MAX,
    words::{self, Wrong},
};
use crate::domain::{
    kernel::{
        sheet::{Line, Slip, Table},
        text::single_line,
    },
    partner::{AudienceRole, Roles, country},
};

/// Most industries or solutions of one partner.
const WORDS_MAX: usize = 20;

/// A file's rows.
pub(super) struct Sheet {
    pub(super) rows: Vec<Row>,
    /// Columns that the file lacks, though every file has them: no row is blamed for that.
    lacking: Vec<&'static str>,
}

/// One row, its fields by the header's names; nothing where the file lacks a column.
pub(super) struct Row {
    file: &'static str,
    header: &'static [&'static str],
    pub(super) line: u64,
    fields: Vec<Option<String>>,
}

impl Sheet {
    /// Reads `bytes`, with `columns` in any order, of which those after `columns_min` may be left out; none where the file as a
    /// whole cannot be read. Rows with the wrong number of fields, or that are not UTF-8, are faults and left out.
    pub(super) fn read(
        file: &'static str,
        bytes: &[u8],
        (columns, columns_min): (&'static [&'static str], usize),
        faults: &mut Faults,
    ) -> Option<Self> {
        let table = match Table::open(bytes, FILE_BYTES_MAX, &columns.join(",")) {
            Ok(table) => table,
            Err(slip) => {
                faults.add(file, 0, "", slip.message, slip.fix);
                return None;
            }
        };
        let found = &table.header;
        let lacking: Vec<&str> = columns[..columns_min]
            .iter()
            .copied()
            .filter(|name| !found.iter().any(|it| it == name))
            .collect();
        if let Some(message) = header_fault(found, columns, &lacking) {
            let header = &columns[..found.len().clamp(columns_min, columns.len())];
            faults.add(file, table.header_line, "", message, format!("write it as `{}`", header.join(",")));
        }
        let mut rows = Vec::new();
        for line in table.lines() {
            if faults.is_full() {
                faults.more = true;
                break;
            }
            if rows.len() == ROWS_MAX {
                let message = format!("there are more than {ROWS_MAX} rows");
                let at = line.map_or_else(|slip| slip.no, |line| line.no);
                faults.add(file, at, "", message, "split it into several imports");
                break;
            }
            match line.and_then(|line| Row::read(file, columns, &table, &line)) {
                Ok(row) => rows.push(row),
                Err(slip) => {
                    let column = slip.field.map_or("", |field| found[field].as_str());
                    faults.add(file, slip.no, column, slip.message, slip.fix);
                }
            }
        }
        Some(Self { rows, lacking })
    }

    /// Whether the file has this column.
    pub(super) fn has(&self, column: &str) -> bool {
        !self.lacking.contains(&column)
    }
}

fn header_fault(found: &[String], columns: &[&str], lacking: &[&str]) -> Option<String> {
    let unknown: Vec<&str> = found.iter().map(String::as_str).filter(|c| !columns.contains(c)).collect();
    let twice = found.iter().enumerate().find(|(at, name)| found[..*at].contains(name));
    let (lacks, unknown) = (lacking.join(", "), unknown.join(", ").escape_debug().to_string());
    Some(match (lacks.is_empty(), unknown.is_empty(), twice) {
        (true, true, None) => return None,
        (true, true, Some((_, name))) => format!("the header has `{name}` twice"),
        (false, true, _) => format!("the header lacks {lacks}"),
        (true, false, _) => format!("the header has unknown columns: {unknown}"),
        (false, false, _) => format!("the header lacks {lacks} and has unknown {unknown}"),
    })
}

impl Row {
    fn read(
        file: &'static str,
        header: &'static [&'static str],
        table: &Table<'_>,
        line: &Line,
    ) -> Result<Self, Slip> {
        let mut fields = vec![None; header.len()];
        for (name, text) in table.header.iter().zip(table.fields(line)?) {
            if let Some(at) = header.iter().position(|known| known == name) {
                fields[at] = Some(text.trim_matches(' ').to_owned());
            }
        }
        Ok(Self { file, header, line: line.no, fields })
    }

    fn field(&self, column: &str) -> Option<&str> {
        self.header.iter().position(|name| *name == column).and_then(|at| self.fields[at].as_deref())
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
        // What the whole file lacks was told with its header.
        let text = self.field(column)?;
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
        if self.field(column).is_none_or(str::is_empty) {
            Some(None)
        } else {
            self.checked(column, faults, parse).map(Some)
        }
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
