//! Tables in text files (RFC 4180), as spreadsheets save them: fields between commas, or between semicolons where people write
//! a comma before decimals, or between tabs; lines that end with CRLF or LF; with or without a byte order mark and the line
//! `sep=;`. Every file that people hand us is read here; what its columns mean is its reader's.

use std::str;

use csv::{ByteRecord, Position, Reader, ReaderBuilder};

/// What may stand between fields, with the words for it: many, one.
const SEPARATORS: [(u8, &str, &str); 3] =
    [(b',', "commas", "a comma"), (b';', "semicolons", "a semicolon"), (b'\t', "tabs", "a tab")];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How spreadsheets begin what they call "Unicode text".
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// A file whose header was read.
#[derive(Debug)]
pub struct Table<'b> {
    bytes: &'b [u8],
    separator: u8,
    /// Records up to the first row.
    head: usize,
    /// The names of the columns as they stand there, without blanks around them.
    pub header: Vec<String>,
    /// The line of the header.
    pub header_line: u64,
}

/// A line below the header, whatever its fields are.
#[derive(Debug)]
pub struct Line {
    /// Its number in the file, from 1.
    pub no: u64,
    /// Its fields.
    pub fields: ByteRecord,
}

/// What keeps a file or a line of it from being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slip {
    /// The line, from 1; 0 where it is the whole file.
    pub no: u64,
    /// The place of the field, where it is one.
    pub field: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

impl Slip {
    fn of(no: u64, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { no, field: None, message: message.into(), fix: fix.into() }
    }
}

impl<'b> Table<'b> {
    /// Reads the header of a file that may have `bytes_max` bytes. `columns` is a header to begin an empty file with.
    ///
    /// # Errors
    /// Why nothing of it can be read.
    pub fn open(bytes: &'b [u8], bytes_max: usize, columns: &str) -> Result<Self, Slip> {
        if bytes.len() > bytes_max {
            let message = format!("the file has {} bytes; at most {bytes_max} are taken", bytes.len());
            return Err(Slip::of(0, message, "split it into several imports"));
        }
        if UTF_16.iter().any(|mark| bytes.starts_with(mark)) {
            return Err(Slip::of(0, "the file is in UTF-16", "save it as CSV in UTF-8"));
        }
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let first = first_line(bytes);
        let told = told_separator(first);
        let (separator, head) =
            told.map_or_else(|| (guessed_separator(first), 1), |separator| (separator, 2));
        let mut records = reader(bytes, separator).into_byte_records();
        match records.nth(head - 1) {
            Some(Ok(record)) => {
                let header =
                    record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
                let header_line = record.position().map_or(1, |at| line_of(bytes, at));
                Ok(Self { bytes, separator, head, header, header_line })
            }
            _ => Err(Slip::of(0, "the file is empty", format!("begin it with `{columns}`"))),
        }
    }

    /// Every line below the header, or why it cannot be read.
    pub fn lines(&self) -> impl Iterator<Item = Result<Line, Slip>> + Send {
        let bytes = self.bytes;
        let records = reader(bytes, self.separator).into_byte_records().skip(self.head);
        records.map(move |record| match record {
            Ok(fields) => Ok(Line { no: fields.position().map_or(0, |at| line_of(bytes, at)), fields }),
            Err(error) => {
                let no = error.position().map_or(0, |at| line_of(bytes, at));
                Err(Slip::of(no, "the row cannot be read", "check its quotes"))
            }
        })
    }

    /// The fields of a line as texts, one for each column.
    ///
    /// # Errors
    /// Another number of fields, or what is no text.
    pub fn fields<'l>(&self, line: &'l Line) -> Result<Vec<&'l str>, Slip> {
        let (found, columns) = (line.fields.len(), self.header.len());
        if found != columns {
            let words = SEPARATORS.iter().find(|(byte, ..)| *byte == self.separator);
            let (many, one) = words.map_or(("commas", "a comma"), |(_, many, one)| (many, one));
            let message = format!("it has {found} fields, the header has {columns}");
            let fix = format!("add or remove {many}; put a text that holds {one} in quotes");
            return Err(Slip::of(line.no, message, fix));
        }
        let text = |(at, field)| {
            str::from_utf8(field).map_err(|_| Slip {
                field: Some(at),
                ..Slip::of(line.no, "it is not UTF-8", "save the file as UTF-8")
            })
        };
        line.fields.iter().enumerate().map(text).collect()
    }
}

/// The first line that says anything.
fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default()
}

/// What the line `sep=;` says, with which spreadsheets tell each other what stands between fields.
fn told_separator(first: &[u8]) -> Option<u8> {
    match first {
        [s, e, p, b'=', separator] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => {
            SEPARATORS.iter().map(|(byte, ..)| *byte).find(|byte| byte == separator)
        }
        _ => None,
    }
}

/// A comma, where the header has one outside of quotes, else which of the others it has most of.
fn guessed_separator(header: &[u8]) -> u8 {
    let mut counts = SEPARATORS.map(|_| 0);
    let mut is_quoted = false;
    for byte in header {
        is_quoted ^= *byte == b'"';
        if let Some(at) = SEPARATORS.iter().position(|(it, ..)| it == byte).filter(|_| !is_quoted) {
            counts[at] += 1;
        }
    }
    let [commas, semicolons, tabs] = counts;
    match (semicolons, tabs) {
        _ if commas > 0 => b',',
        (0, 0) => b',',
        _ if semicolons >= tabs => b';',
        _ => b'\t',
    }
}

fn reader(bytes: &[u8], separator: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().flexible(true).has_headers(false).delimiter(separator).from_reader(bytes)
}

/// The line on which a record begins: the reader stands before the end of the line before, or before empty ones.
fn line_of(bytes: &[u8], at: &Position) -> u64 {
    let rest = usize::try_from(at.byte()).ok().and_then(|byte| bytes.get(byte..)).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    at.line() + ends.filter(|byte| **byte == b'\n').map(|_| 1).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<String>, Vec<(u64, Vec<String>)>) {
        let table = Table::open(bytes, 1_000, "a,b").unwrap();
        let lines = table.lines().map(Result::unwrap);
        let rows = lines.map(|line| {
            let fields = table.fields(&line).unwrap();
            (line.no, fields.into_iter().map(str::to_owned).collect())
        });
        (table.header.clone(), rows.collect())
    }

    #[test]
    fn what_spreadsheets_save_is_read_alike() {
        let plain = read(b"name,role\nAda,it\n");
        assert_eq!(plain.1, [(2, vec!["Ada".to_owned(), "it".to_owned()])]);
        for same in ["\u{feff}name;role\r\nAda;it\r\n", "name\trole\nAda\tit", " name ; role\n\"Ada\";it\n"] {
            assert_eq!(read(same.as_bytes()), plain, "{same:?}");
        }
        let (header, rows) = read("\u{feff}sep=;\r\nname;role\r\n\r\nAda;\"it; ops\"\r\n".as_bytes());
        assert_eq!(header, ["name", "role"]);
        assert_eq!(rows, [(4, vec!["Ada".to_owned(), "it; ops".to_owned()])]);
        let (header, _) = read(b"email,roles;all\n");
        assert_eq!(header, ["email", "roles;all"], "a comma decides");
        let (header, _) = read(b"email;\"minutes, in all\"\n");
        assert_eq!(header, ["email", "minutes, in all"], "but for one in quotes");
        assert_eq!(read(b"email\n\na@x.example\n").1[0].0, 3);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let refused = |bytes: &[u8]| Table::open(bytes, 20, "a,b").unwrap_err();
        assert!(refused(&[b'x'; 21]).message.contains("21 bytes; at most 20"));
        assert_eq!(refused(b"").fix, "begin it with `a,b`");
        assert_eq!(refused(b"sep=;\n").message, "the file is empty");
        assert!(refused(b"\xff\xfen\0a\0").message.contains("UTF-16"));
        let table = Table::open(b"a;b\n1;2;3\n\xff;2\n", 100, "").unwrap();
        let lines: Vec<Line> = table.lines().map(Result::unwrap).collect();
        let slip = table.fields(&lines[0]).unwrap_err();
        assert_eq!((slip.no, slip.message.as_str()), (2, "it has 3 fields, the header has 2"));
        assert_eq!(slip.fix, "add or remove semicolons; put a text that holds a semicolon in quotes");
        let slip = table.fields(&lines[1]).unwrap_err();
        assert_eq!((slip.no, slip.field, slip.message.as_str()), (3, Some(0), "it is not UTF-8"));
    }
}
