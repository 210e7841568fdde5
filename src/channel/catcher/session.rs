//! One SMTP session of the catcher (RFC 5321).

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{net::TcpStream, sync::watch};

use super::{
    super::conversation::{Conversation, End, command, path_after},
    Shared,
};
use crate::domain::kernel::clock::utc;

/// Largest message, in bytes; also what EHLO says.
const SIZE_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Recipients of one message (RFC 5321 section 4.5.3.1.8 asks for at least 100).
const RECIPIENTS_MAX: usize = 100;
/// Wrong commands before we hang up.
const FAULTS_MAX: u32 = 20;

struct Session<'a> {
    wire: Conversation,
    peer: SocketAddr,
    shared: &'a Shared,
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
    let mut session = Session {
        wire: Conversation::new(stream, shutdown),
        peer,
        shared,
        hello: None,
        esmtp: false,
        from: None,
        to: Vec::new(),
        faults: 0,
    };
    let ended = session.converse().await;
    session.wire.close(ended).await;
}

impl Session<'_> {
    async fn converse(&mut self) -> Result<(), End> {
        self.say("220 localhost ESMTP partnercast mail catcher; nothing leaves this machine");
        loop {
            let line = self.wire.read_line().await?;
            let (verb, rest) = command(&line);
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
        let data = self.wire.read_message(SIZE_BYTES_MAX).await?;
        if data.bytes > SIZE_BYTES_MAX {
            self.say("552 5.3.4 the message is too big");
        } else {
            match self.store(data.kept).await {
                Ok(id) => self.say(&format!("250 2.0.0 stored as {id}")),
                Err(error) => {
                    tracing::error!(%error, "the mail catcher cannot store a message");
                    self.say("451 4.3.0 the message cannot be stored, come back later");
                }
            }
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

    fn say(&mut self, line: &str) {
        self.wire.say(line);
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

/// The name of the other side, fit for a header line.
fn printable(name: &str) -> String {
    let name: String =
        name.chars().filter(char::is_ascii_graphic).filter(|c| !"()<>\\\"".contains(*c)).take(253).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}
