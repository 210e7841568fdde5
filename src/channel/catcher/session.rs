//! One SMTP session of the catcher (RFC 5321), strict about line ends: only CRLF ends a line, only CRLF dot CRLF
//! ends a message, and a bare LF in a command ends the session.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

use super::Shared;
use crate::domain::kernel::clock::utc;

/// Largest message, in bytes; also what EHLO says.
const SIZE_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Longest command line, generous for SMTPUTF8 addresses, in bytes.
const LINE_BYTES_MAX: usize = 4 * 1024;
/// Recipients of one message (RFC 5321 section 4.5.3.1.8 asks for at least 100).
const RECIPIENTS_MAX: usize = 100;
/// Room for one read, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// Longest silence.
const IDLE_MAX: Duration = Duration::from_secs(5 * 60);
/// Wrong commands before we hang up.
const FAULTS_MAX: u32 = 20;

/// Why a session ends without QUIT.
enum End {
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

struct Session<'a> {
    stream: TcpStream,
    peer: SocketAddr,
    shared: &'a Shared,
    shutdown: watch::Receiver<bool>,
    unread: Vec<u8>,
    replies: Vec<u8>,
    hello: Option<String>,
    esmtp: bool,
    from: Option<String>,
    to: Vec<String>,
    faults: u32,
}

/// Serves one connection to its end.
pub(super) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Shared,
    shutdown: watch::Receiver<bool>,
) {
    // Only speed depends on it.
    let _ = stream.set_nodelay(true);
    let mut session = Session {
        stream,
        peer,
        shared,
        shutdown,
        unread: Vec::new(),
        replies: Vec::new(),
        hello: None,
        esmtp: false,
        from: None,
        to: Vec::new(),
        faults: 0,
    };
    if let Err(End::Because(why)) = session.converse().await {
        session.say(why);
    }
    let _ = timeout(Duration::from_secs(5), session.flush()).await;
    let _ = timeout(Duration::from_secs(5), session.stream.shutdown()).await;
}

impl Session<'_> {
    async fn converse(&mut self) -> Result<(), End> {
        self.say("220 localhost ESMTP partnercast mail catcher; nothing leaves this machine");
        loop {
            let line = self.read_line().await?;
            let (verb, rest) = match line.split_once(' ') {
                Some((verb, rest)) => (verb.to_ascii_uppercase(), rest.trim()),
                None => (line.trim().to_ascii_uppercase(), ""),
            };
            match verb.as_str() {
                "EHLO" | "HELO" => self.on_hello(&verb, rest),
                "MAIL" => self.on_mail(rest),
                "RCPT" => self.on_rcpt(rest),
                "DATA" => self.on_data(rest).await?,
                "RSET" => {
                    self.clear();
                    self.say("250 2.0.0 ok");
                }
                "NOOP" => self.say("250 2.0.0 ok"),
                "VRFY" => self.say("252 2.1.5 send some mail and see"),
                "QUIT" => {
                    self.say("221 2.0.0 goodbye");
                    return Ok(());
                }
                _ => self.fault("500 5.5.2 command not known"),
            }
            if self.faults > FAULTS_MAX {
                return Err(End::Because("421 4.7.0 too many errors, closing"));
            }
        }
    }

    fn on_hello(&mut self, verb: &str, name: &str) {
        self.clear();
        if name.is_empty() {
            return self.fault("501 5.5.4 say who you are");
        }
        self.hello = Some(printable(name));
        self.esmtp = verb == "EHLO";
        if self.esmtp {
            self.say("250-localhost");
            self.say("250-PIPELINING");
            self.say("250-8BITMIME");
            self.say("250-SMTPUTF8");
            self.say("250-ENHANCEDSTATUSCODES");
            self.say(&format!("250 SIZE {SIZE_BYTES_MAX}"));
        } else {
            self.say("250 localhost");
        }
    }

    fn on_mail(&mut self, rest: &str) {
        if self.hello.is_none() {
            return self.fault("503 5.5.1 EHLO first");
        }
        if self.from.is_some() {
            return self.fault("503 5.5.1 a message is begun already; RSET first");
        }
        let Some((path, options)) = path_after("FROM:", rest) else {
            return self.fault("501 5.5.4 write MAIL FROM:<address>");
        };
        for option in options.split_ascii_whitespace() {
            let option = option.to_ascii_uppercase();
            match option.split_once('=') {
                Some(("SIZE", size)) => match size.parse::<usize>() {
                    Ok(size) if size <= SIZE_BYTES_MAX => {}
                    Ok(_) => return self.fault("552 5.3.4 the message is too big"),
                    Err(_) => return self.fault("501 5.5.4 SIZE wants a number"),
                },
                Some(("BODY", "7BIT" | "8BITMIME")) => {}
                None if option == "SMTPUTF8" => {}
                _ => return self.fault("555 5.5.4 MAIL option not known"),
            }
        }
        self.from = Some(path);
        self.say("250 2.1.0 ok");
    }

    fn on_rcpt(&mut self, rest: &str) {
        if self.from.is_none() {
            return self.fault("503 5.5.1 MAIL first");
        }
        match path_after("TO:", rest) {
            Some((path, "")) if !path.is_empty() => {
                if self.to.len() >= RECIPIENTS_MAX {
                    return self.say("452 4.5.3 too many recipients");
                }
                self.to.push(path);
                self.say("250 2.1.5 ok");
            }
            _ => self.fault("501 5.5.4 write RCPT TO:<address>"),
        }
    }

    async fn on_data(&mut self, rest: &str) -> Result<(), End> {
        if !rest.is_empty() {
            self.fault("501 5.5.4 DATA takes nothing after it");
            return Ok(());
        }
        if self.to.is_empty() {
            self.fault("503 5.5.1 MAIL and RCPT first");
            return Ok(());
        }
        self.say("354 end with a dot on a line of its own");
        let message = self.read_message().await?;
        match message {
            None => self.say("552 5.3.4 the message is too big"),
            Some(message) => match self.store(message).await {
                Ok(id) => self.say(&format!("250 2.0.0 stored as {id}")),
                Err(error) => {
                    tracing::error!(%error, "the mail catcher cannot store a message");
                    self.say("451 4.3.0 the message cannot be stored, come back later");
                }
            },
        }
        self.clear();
        Ok(())
    }

    /// One copy per recipient, each on the disk before the sender is told so.
    async fn store(&mut self, message: Vec<u8>) -> io::Result<String> {
        let received_ms = self.shared.clock.now_ms();
        let from = self.from.clone().unwrap_or_default();
        let hello = self.hello.clone().unwrap_or_default();
        let protocol = if self.esmtp { "ESMTP" } else { "SMTP" };
        let peer = self.peer.ip();
        let date = utc(received_ms).to_rfc2822();
        let maildir = Arc::clone(&self.shared.maildir);
        let to = std::mem::take(&mut self.to);
        let count = to.len() as u64;
        let stored = tokio::task::spawn_blocking(move || {
            let mut last = String::new();
            for to in to {
                let trace = format!(
                    "Return-Path: <{from}>\r\nDelivered-To: {to}\r\nReceived: from {hello} ([{peer}])\r\n\
                     \tby localhost (partnercast mail catcher) with {protocol}\r\n\tfor <{to}>; {date}\r\n"
                );
                last = maildir.store(received_ms, &[trace.as_bytes(), &message])?;
            }
            Ok::<_, io::Error>(last)
        });
        let id = stored.await.map_err(io::Error::other)??;
        self.shared.received.send_modify(|received| *received += count);
        Ok(id)
    }

    /// The message without its dots (RFC 5321 section 4.5.2); `None` if it was too big, read to its end all the same.
    async fn read_message(&mut self) -> Result<Option<Vec<u8>>, End> {
        let mut message = Vec::new();
        let mut too_big = false;
        // Whether `unread` stands at the start of a line; the CRLF before it is consumed already.
        let mut at_start = true;
        loop {
            if at_start {
                while self.unread.len() < 3 && b".\r\n".starts_with(&self.unread) {
                    self.fill().await?;
                }
                if self.unread.starts_with(b".\r\n") {
                    self.unread.drain(..3);
                    return Ok((!too_big).then_some(message));
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
            if message.len() + upto > SIZE_BYTES_MAX {
                too_big = true;
                message = Vec::new();
            }
            if !too_big {
                message.extend_from_slice(&self.unread[..upto]);
            }
            self.unread.drain(..upto);
            if !starts {
                self.fill().await?;
            }
        }
    }

    /// One command line without its CRLF.
    async fn read_line(&mut self) -> Result<String, End> {
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

    /// Reads more. Replies go out only when there is nothing left to read: that is what makes pipelining fast.
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

    fn say(&mut self, line: &str) {
        self.replies.extend_from_slice(line.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }

    fn fault(&mut self, line: &str) {
        self.faults += 1;
        self.say(line);
    }

    fn clear(&mut self) {
        self.from = None;
        self.to.clear();
    }
}

/// How many bytes at the end may begin `CRLF dot` and must wait for more.
fn tail_of_crlf(bytes: &[u8]) -> usize {
    if bytes.ends_with(b"\r\n") { 2 } else { usize::from(bytes.ends_with(b"\r")) }
}

/// The path and what follows it in `FROM:<a@b> SIZE=1`. No path holds what would break a header line.
fn path_after<'a>(keyword: &str, rest: &'a str) -> Option<(String, &'a str)> {
    let head = rest.get(..keyword.len()).filter(|head| head.eq_ignore_ascii_case(keyword))?;
    let (path, options) = rest[head.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    let fine = path.len() <= 254 && !path.chars().any(|c| c.is_control() || c.is_whitespace() || c == '<');
    fine.then(|| (path.to_owned(), options.trim()))
}

/// The name of the other side, fit for a header line.
fn printable(name: &str) -> String {
    let name: String =
        name.chars().filter(char::is_ascii_graphic).filter(|c| !"()<>\\\"".contains(*c)).take(253).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}
