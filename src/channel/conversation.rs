//! The receiving half of SMTP and LMTP that both share (RFC 5321, RFC 2033): lines, replies, message data. Strict about
//! line ends: only CRLF ends a line, only CRLF dot CRLF ends a message, and a bare LF in a command ends the session.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

/// Longest command line, generous for SMTPUTF8 addresses, in bytes.
const LINE_BYTES_MAX: usize = 4 * 1024;
/// Room for one read, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// Longest silence.
const IDLE_MAX: Duration = Duration::from_secs(5 * 60);
/// After so many bytes of one message nobody listens any longer.
const MESSAGE_BYTES_END: usize = 256 * 1024 * 1024;
/// Longest path (RFC 5321 section 4.5.3.1.3), in bytes.
const PATH_BYTES_MAX: usize = 254;

/// Why a session ends without QUIT.
pub(super) enum End {
    /// The other side is gone or broken.
    Gone,
    /// We tell it why and close.
    Because(&'static str),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// One connection with a client.
pub(super) struct Conversation {
    stream: TcpStream,
    shutdown: watch::Receiver<bool>,
    unread: Vec<u8>,
    replies: Vec<u8>,
}

/// Message data as it came, without its dots.
pub(super) struct Data {
    /// The beginning, as much as was asked for.
    pub(super) kept: Vec<u8>,
    /// How long it all was, in bytes.
    pub(super) bytes: usize,
}

impl Conversation {
    /// Takes over a connection.
    pub(super) fn new(stream: TcpStream, shutdown: watch::Receiver<bool>) -> Self {
        // Only speed depends on it.
        let _ = stream.set_nodelay(true);
        Self { stream, shutdown, unread: Vec::new(), replies: Vec::new() }
    }

    /// Says why it ends, if the other side is still there, and closes.
    pub(super) async fn close(mut self, ended: Result<(), End>) {
        if let Err(End::Because(why)) = ended {
            self.say(why);
        }
        let _ = timeout(Duration::from_secs(5), self.flush()).await;
        let _ = timeout(Duration::from_secs(5), self.stream.shutdown()).await;
    }

    /// Adds a reply line, sent when there is nothing left to read: that is what makes pipelining fast.
    pub(super) fn say(&mut self, line: &str) {
        self.replies.extend_from_slice(line.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    /// Message data up to its final dot, of which the first `keep_max` bytes are kept (RFC 5321 section 4.5.2).
    pub(super) async fn read_message(&mut self, keep_max: usize) -> Result<Data, End> {
        let mut data = Data { kept: Vec::new(), bytes: 0 };
        // Whether `unread` stands at the start of a line; the CRLF before it is consumed already.
        let mut at_start = true;
        loop {
            if at_start {
                while self.unread.len() < 3 && b".\r\n".starts_with(&self.unread) {
                    self.fill().await?;
                }
                if self.unread.starts_with(b".\r\n") {
                    self.unread.drain(..3);
                    return Ok(data);
                }
                if self.unread.first() == Some(&b'.') {
                    self.unread.drain(..1);
                }
            }
            // The longest run up to a CRLF that begins a line with a dot, or to the end of what is here.
            let (upto, starts) = match memchr::memmem::find(&self.unread, b"\r\n.") {
                Some(at) => (at + 2, true),
                None => (self.unread.len() - tail_of_crlf(&self.unread), false),
            };
            at_start = starts;
            let room = keep_max.saturating_sub(data.kept.len()).min(upto);
            data.kept.extend_from_slice(&self.unread[..room]);
            data.bytes += upto;
            if data.bytes > MESSAGE_BYTES_END {
                return Err(End::Because("552 5.3.4 the message has no end; closing"));
            }
            self.unread.drain(..upto);
            if !starts {
                self.fill().await?;
            }
        }
    }

    /// One command line without its CRLF.
    pub(super) async fn read_line(&mut self) -> Result<String, End> {
        let mut searched = 0;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.unread[searched..]) {
                let line: Vec<u8> = self.unread.drain(..=searched + at).collect();
                let Some(line) = line.strip_suffix(b"\r\n") else {
                    return Err(End::Because("500 5.5.2 a bare line feed does not end a command; closing"));
                };
                return match std::str::from_utf8(line) {
                    Ok(line) if !line.contains(['\0', '\r']) => Ok(line.to_owned()),
                    _ => Err(End::Because("500 5.5.2 that is not text; closing")),
                };
            }
            searched = self.unread.len();
            if searched > LINE_BYTES_MAX {
                return Err(End::Because("500 5.5.2 the line is too long; closing"));
            }
            self.fill().await?;
        }
    }

    /// Reads more, after sending what is to be said.
    async fn fill(&mut self) -> Result<(), End> {
        timeout(IDLE_MAX, self.flush()).await.map_err(|_| End::Gone)??;
        self.unread.reserve(READ_BYTES);
        tokio::select! {
            read = timeout(IDLE_MAX, self.stream.read_buf(&mut self.unread)) => match read {
                Err(_) => Err(End::Because("421 4.4.2 nothing heard for too long, closing")),
                Ok(Ok(0) | Err(_)) => Err(End::Gone),
                Ok(Ok(_)) => Ok(()),
            },
            _ = self.shutdown.wait_for(|stop| *stop) => Err(End::Because("421 4.3.2 stopping, come back later")),
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.replies.is_empty() {
            self.stream.write_all(&self.replies).await?;
            self.replies.clear();
        }
        Ok(())
    }
}

/// Verb, in upper case, and the rest of a command line.
pub(super) fn command(line: &str) -> (String, &str) {
    match line.split_once(' ') {
        Some((verb, rest)) => (verb.to_ascii_uppercase(), rest.trim()),
        None => (line.trim().to_ascii_uppercase(), ""),
    }
}

/// The path and what follows it in `FROM:<a@b> SIZE=1`. No path holds what would break a header line.
pub(super) fn path_after<'a>(keyword: &str, rest: &'a str) -> Option<(String, &'a str)> {
    let head = rest.get(..keyword.len()).filter(|head| head.eq_ignore_ascii_case(keyword))?;
    let (path, options) = rest[head.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    let fine = path.len() <= PATH_BYTES_MAX
        && !path.chars().any(|c| c.is_control() || c.is_whitespace() || c == '<');
    fine.then(|| (path.to_owned(), options.trim()))
}

/// How many bytes at the end may begin `CRLF dot` and must wait for more.
fn tail_of_crlf(bytes: &[u8]) -> usize {
    if bytes.ends_with(b"\r\n") { 2 } else { usize::from(bytes.ends_with(b"\r")) }
}
