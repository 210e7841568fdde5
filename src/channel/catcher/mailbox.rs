//! Reading the catcher's Maildir, for pages that show caught mail. Everything here came from outside: pages must show
//! the HTML of a message in a sandbox only.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mail_parser::{Address, Message, MessageParser};

use super::maildir::split_name;
use crate::domain::kernel::{Error, Result, clock::UtcMs};

/// Envelopes in one listing at most.
pub const LIST_MAX: usize = 10_000;
/// How much of a message is read for a listing, in bytes.
const HEAD_BYTES_MAX: u64 = 128 * 1024;
/// Messages inside a message at most.
const NESTED_MAX: usize = 32;
/// Largest message read whole: the catcher's limit and some room for its own lines, in bytes.
const MESSAGE_BYTES_MAX: u64 = 26 * 1024 * 1024;
/// Length of a snippet, in bytes of text.
const SNIPPET_BYTES: usize = 160;
/// Longest id, in bytes.
const ID_BYTES_MAX: usize = 255;

/// A message in a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Its file name, without flags.
    pub id: String,
    /// Whom it was handed over for (`Delivered-To`), or else the address in `To`.
    pub to: String,
    /// `From`: the name and address.
    pub from: String,
    /// `Subject`, decoded.
    pub subject: String,
    /// `Date`, where readable.
    pub date_ms: Option<UtcMs>,
    /// When the catcher took it.
    pub received_ms: UtcMs,
    /// The first words of its text.
    pub snippet: String,
}

/// A message taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedMail {
    /// All header fields in their order, values as they came but on one line.
    pub headers: Vec<(String, String)>,
    /// The HTML part, decoded. Foreign: sandbox it.
    pub html: Option<String>,
    /// The plain-text part, decoded.
    pub text: Option<String>,
    /// As in [`Envelope`].
    pub to: String,
    /// As in [`Envelope`].
    pub from: String,
    /// As in [`Envelope`].
    pub subject: String,
    /// `Message-ID` without brackets.
    pub message_id: Option<String>,
    /// `List-Unsubscribe` as it came (RFC 2369).
    pub list_unsubscribe: Option<String>,
    /// Size of the file, in bytes.
    pub raw_size: u64,
}

/// A Maildir that is read. Cheap to clone; clones share what was already read.
#[derive(Clone)]
pub struct Mailbox {
    root: Arc<PathBuf>,
    known: Arc<Mutex<HashMap<String, Envelope>>>,
}

impl Mailbox {
    /// Reads the Maildir at `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: Arc::new(root.into()), known: Arc::default() }
    }

    /// The newest `limit` messages (at most [`LIST_MAX`]), newest first. Only messages not seen before are opened.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn list(&self, limit: usize) -> Result<Vec<Envelope>> {
        let this = self.clone();
        blocking(move || this.list_now(limit.min(LIST_MAX))).await
    }

    /// How many messages there are.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn count(&self) -> Result<usize> {
        let this = self.clone();
        blocking(move || Ok(this.names()?.len())).await
    }

    /// The message `id` of a listing.
    ///
    /// # Errors
    /// Not found, which is also the answer to an id that is no plain file name.
    pub async fn read(&self, id: &str) -> Result<ParsedMail> {
        let raw = self.raw(id).await?;
        let message = parse(&raw).ok_or_else(|| not_found(id))?;
        Ok(take_apart(&message, &raw))
    }

    /// The bytes of message `id` as stored.
    ///
    /// # Errors
    /// As [`Mailbox::read`].
    pub async fn raw(&self, id: &str) -> Result<Vec<u8>> {
        let (this, id) = (self.clone(), id.to_owned());
        blocking(move || {
            let path = this.find(&id)?;
            read_upto(&path, MESSAGE_BYTES_MAX).map_err(|error| unreadable(&path, error))
        })
        .await
    }

    fn list_now(&self, limit: usize) -> Result<Vec<Envelope>> {
        let mut names = self.names()?;
        names.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        names.truncate(limit);
        let mut listed = Vec::with_capacity(names.len());
        for (id, path) in names {
            // Not held over the read: two listings at once do some work twice, and neither waits.
            let hit = self.known().get(&id).cloned();
            let envelope = match hit {
                Some(envelope) => envelope,
                None => match read_upto(&path, HEAD_BYTES_MAX) {
                    Ok(head) => envelope(&id, &path, &head),
                    // Deleted or moved by another reader since the folder was read.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(unreadable(&path, error)),
                },
            };
            self.known().insert(id, envelope.clone());
            listed.push(envelope);
        }
        let mut known = self.known();
        if known.len() > LIST_MAX {
            *known = listed.iter().map(|envelope| (envelope.id.clone(), envelope.clone())).collect();
        }
        Ok(listed)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Envelope>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ids and paths of all messages, in no order.
    fn names(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut names = Vec::new();
        for folder in ["new", "cur"] {
            let folder = self.root.join(folder);
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(unreadable(&folder, error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| unreadable(&folder, error))?;
                let name = entry.file_name();
                let id = name.to_str().map(without_flags).filter(|id| is_id(id));
                names.extend(id.map(|id| (id.to_owned(), entry.path())));
            }
        }
        Ok(names)
    }

    fn find(&self, id: &str) -> Result<PathBuf> {
        if !is_id(id) {
            return Err(not_found(id));
        }
        let new = self.root.join("new").join(id);
        if new.is_file() {
            return Ok(new);
        }
        // A mail reader moves what it has shown to `cur` and adds flags to the name.
        self.names()?
            .into_iter()
            .find(|(name, _)| name == id)
            .map(|(_, path)| path)
            .ok_or_else(|| not_found(id))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::internal("reading the Maildir").because(error))?
}

fn is_id(id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-=,+".contains(&b);
    !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.starts_with('.') && id.bytes().all(plain)
}

fn without_flags(name: &str) -> &str {
    name.split(':').next().unwrap_or(name)
}

fn not_found(id: &str) -> Error {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(80).collect();
    Error::not_found(format!("the message `{shown}`"))
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::unavailable(format!("{} cannot be read", path.display())).because(error)
}

fn read_upto(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a message, but none with more messages inside it than anybody sends: the parser opens and frees those
/// recursively, and a few megabytes of nesting would end the process.
fn parse(raw: &[u8]) -> Option<Message<'_>> {
    let lower = raw.to_ascii_lowercase();
    let nested = memchr::memmem::find_iter(&lower, b"content-type: message/").count();
    let folded = memchr::memmem::find_iter(&lower, b"message/rfc822").count();
    if nested.max(folded) > NESTED_MAX { None } else { MessageParser::default().parse(raw) }
}

fn envelope(id: &str, path: &Path, head: &[u8]) -> Envelope {
    let mut envelope = Envelope {
        id: id.to_owned(),
        received_ms: split_name(id).map_or_else(|| changed_ms(path), |(_, received_ms)| received_ms),
        ..Envelope::default()
    };
    // What cannot be read is listed all the same.
    if let Some(message) = parse(head) {
        envelope.to = recipient(&message);
        envelope.from = first_address(message.from());
        envelope.subject = message.subject().unwrap_or_default().to_owned();
        envelope.date_ms = message.date().map(|date| date.to_timestamp().saturating_mul(1_000));
        envelope.snippet =
            message.body_preview(SNIPPET_BYTES).map(|text| text.trim().to_owned()).unwrap_or_default();
    }
    envelope
}

/// For files that another program put there: when they were last written.
fn changed_ms(path: &Path) -> UtcMs {
    let since = fs::metadata(path)
        .and_then(|meta| meta.modified())
        .ok()
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

fn take_apart(message: &Message<'_>, raw: &[u8]) -> ParsedMail {
    let value = |from: u32, to: u32| {
        let bytes = raw.get(from as usize..to as usize).unwrap_or_default();
        unfolded(&String::from_utf8_lossy(bytes))
    };
    let headers: Vec<(String, String)> = message
        .headers()
        .iter()
        .map(|header| (header.name.as_str().to_owned(), value(header.offset_start, header.offset_end)))
        .collect();
    let named = |name: &str| {
        headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
    };
    ParsedMail {
        // A part is given only if it is there: a page must show what was sent, not what could be made of it.
        html: message
            .html_bodies()
            .find(|part| part.is_text_html())
            .and_then(|part| part.text_contents())
            .map(str::to_owned),
        text: message
            .text_bodies()
            .find(|part| part.is_text() && !part.is_text_html())
            .and_then(|part| part.text_contents())
            .map(str::to_owned),
        to: recipient(message),
        from: first_address(message.from()),
        subject: message.subject().unwrap_or_default().to_owned(),
        message_id: message.message_id().map(str::to_owned),
        list_unsubscribe: named("List-Unsubscribe"),
        raw_size: raw.len() as u64,
        headers,
    }
}

/// RFC 5322 section 2.2.3.
fn unfolded(value: &str) -> String {
    value.replace("\r\n", "").replace('\n', "").replace('\t', " ").trim().to_owned()
}

fn recipient(message: &Message<'_>) -> String {
    match message.header_raw("Delivered-To") {
        Some(to) => to.trim().to_owned(),
        None => {
            message.to().and_then(Address::first).and_then(|to| to.address()).unwrap_or_default().to_owned()
        }
    }
}

/// `Name <address>`, or the address alone.
fn first_address(addresses: Option<&Address<'_>>) -> String {
    let Some(first) = addresses.and_then(Address::first) else {
        return String::new();
    };
    match (first.name(), first.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (None, Some(address)) => address.to_owned(),
        (name, None) => name.unwrap_or_default().to_owned(),
    }
}
