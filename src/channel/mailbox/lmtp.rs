//! LMTP as a way in (RFC 2033): the mail server hands each message over, and hears for each recipient whether it was
//! recorded; what was not stays in its queue.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    super::conversation::{Conversation, End, command, path_after},
    Letter, MESSAGE_BYTES_MAX,
};

/// Connections open at once; more are told to come back.
const CONNECTIONS_MAX: usize = 20;
/// Recipients of one message (RFC 5321 section 4.5.3.1.8 asks for at least 100).
const RECIPIENTS_MAX: usize = 100;
/// Wrong commands before we hang up.
const FAULTS_MAX: u32 = 20;
/// Largest message that is taken, in bytes; its beginning alone is kept.
const SIZE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest wait until a message is recorded.
const RECORD_MAX: Duration = Duration::from_secs(60);
/// How long sessions may take to notice that we stop.
const DRAIN: Duration = Duration::from_secs(5);
/// How we greet.
const GREETING: &str = "220 localhost LMTP partnercast takes reports";
/// Longest wait for a greeting.
const GREETING_MAX: Duration = Duration::from_secs(5);

/// A message for one recipient, and where to say whether it was recorded.
pub struct Handed {
    /// The message.
    pub letter: Letter,
    /// True once it is committed.
    pub recorded: oneshot::Sender<bool>,
}

/// Takes messages from `listener` and passes them to `to` until `shutdown`.
pub async fn run(listener: TcpListener, to: mpsc::Sender<Handed>, mut shutdown: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        while sessions.try_join_next().is_some() {}
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file handles, as a rule: a pause lets some come back.
                tracing::warn!(%error, "LMTP cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        match Arc::clone(&room).try_acquire_owned() {
            Ok(place) => {
                let (to, shutdown) = (to.clone(), shutdown.clone());
                sessions.spawn(async move {
                    serve(stream, to, shutdown).await;
                    drop(place);
                });
            }
            Err(_) => {
                let _ = stream.try_write(b"421 4.3.2 too many connections, come back soon\r\n");
            }
        }
    }
    drop(listener);
    let _ = timeout(DRAIN, async { while sessions.join_next().await.is_some() {} }).await;
}

/// Whether a partnercast listens at `address`: connects, reads the greeting and takes leave.
///
/// # Errors
/// Nothing answers there, in words for the operator.
pub async fn listens(address: &str) -> Result<bool, String> {
    let greeting = async {
        let mut stream = TcpStream::connect(address).await?;
        let mut line = String::new();
        BufReader::new((&mut stream).take(512)).read_line(&mut line).await?;
        // Politeness alone: the answer is known.
        let _ = stream.write_all(b"QUIT\r\n").await;
        Ok::<_, std::io::Error>(line)
    };
    match timeout(GREETING_MAX, greeting).await {
        Err(_) => Err("no greeting comes".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(line)) => Ok(line.trim_end() == GREETING),
    }
}

struct Session {
    wire: Conversation,
    to: mpsc::Sender<Handed>,
    hello: bool,
    from: bool,
    recipients: Vec<String>,
    faults: u32,
}

async fn serve(stream: TcpStream, to: mpsc::Sender<Handed>, shutdown: watch::Receiver<bool>) {
    let wire = Conversation::new(stream, shutdown);
    let mut session = Session { wire, to, hello: false, from: false, recipients: Vec::new(), faults: 0 };
    let ended = session.converse().await;
    session.wire.close(ended).await;
}

impl Session {
    async fn converse(&mut self) -> Result<(), End> {
        self.wire.say(GREETING);
        loop {
            let line = self.wire.read_line().await?;
            let (verb, rest) = command(&line);
            match verb.as_str() {
                "LHLO" => self.on_hello(rest),
                // RFC 2033 section 4.1: LMTP is not spoken to those who think that it is SMTP.
                "HELO" | "EHLO" => self.fault("500 5.5.1 this is LMTP; say LHLO"),
                "MAIL" => self.on_mail(rest),
                "RCPT" => self.on_rcpt(rest),
                "DATA" => self.on_data().await?,
                "RSET" => {
                    self.clear();
                    self.wire.say("250 2.0.0 ok");
                }
                "NOOP" => self.wire.say("250 2.0.0 ok"),
                "VRFY" => self.wire.say("252 2.1.5 send it and see"),
                "QUIT" => {
                    self.wire.say("221 2.0.0 goodbye");
                    return Ok(());
                }
                _ => self.fault("500 5.5.2 command not known"),
            }
            if self.faults > FAULTS_MAX {
                return Err(End::Because("421 4.7.0 too many errors, closing"));
            }
        }
    }

    fn on_hello(&mut self, name: &str) {
        self.clear();
        if name.is_empty() {
            return self.fault("501 5.5.4 say who you are");
        }
        self.hello = true;
        for line in
            ["250-localhost", "250-PIPELINING", "250-8BITMIME", "250-SMTPUTF8", "250-ENHANCEDSTATUSCODES"]
        {
            self.wire.say(line);
        }
        self.wire.say(&format!("250 SIZE {SIZE_BYTES_MAX}"));
    }

    fn on_mail(&mut self, rest: &str) {
        if !self.hello || self.from {
            return self.fault("503 5.5.1 LHLO first, and one MAIL a message");
        }
        // The null sender of bounces is welcome; options change nothing for us.
        match path_after("FROM:", rest) {
            Some(_) => {
                self.from = true;
                self.wire.say("250 2.1.0 ok");
            }
            None => self.fault("501 5.5.4 write MAIL FROM:<address>"),
        }
    }

    fn on_rcpt(&mut self, rest: &str) {
        if !self.from {
            return self.fault("503 5.5.1 MAIL first");
        }
        match path_after("TO:", rest) {
            Some((path, _)) if !path.is_empty() => {
                if self.recipients.len() >= RECIPIENTS_MAX {
                    return self.wire.say("452 4.5.3 too many recipients");
                }
                self.recipients.push(path);
                self.wire.say("250 2.1.5 ok");
            }
            _ => self.fault("501 5.5.4 write RCPT TO:<address>"),
        }
    }

    /// One reply a recipient (RFC 2033 section 4.2).
    async fn on_data(&mut self) -> Result<(), End> {
        if self.recipients.is_empty() {
            self.fault("503 5.5.1 MAIL and RCPT first");
            return Ok(());
        }
        self.wire.say("354 end with a dot on a line of its own");
        let data = self.wire.read_message(MESSAGE_BYTES_MAX).await?;
        for recipient in std::mem::take(&mut self.recipients) {
            if data.bytes > SIZE_BYTES_MAX {
                self.wire.say("552 5.3.4 the message is too big");
            } else if self.hand_over(recipient, data.kept.clone()).await {
                self.wire.say("250 2.0.0 recorded");
            } else {
                self.wire.say("451 4.3.0 it cannot be recorded now, come back later");
            }
        }
        self.clear();
        Ok(())
    }

    async fn hand_over(&self, recipient: String, raw: Vec<u8>) -> bool {
        let (recorded, answer) = oneshot::channel();
        let letter = Letter { id: String::new(), envelope_to: Some(recipient), raw };
        let handed = timeout(RECORD_MAX, async {
            if self.to.send(Handed { letter, recorded }).await.is_err() {
                return false;
            }
            answer.await.unwrap_or(false)
        });
        handed.await.unwrap_or(false)
    }

    fn fault(&mut self, line: &str) {
        self.faults += 1;
        self.wire.say(line);
    }

    fn clear(&mut self) {
        self.from = false;
        self.recipients.clear();
    }
}
