//! The wire: bounded reading of replies, writing in blocks, each under a deadline. Knows nothing of the order of
//! commands.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use crate::domain::{delivery::Reply, kernel::clock::UtcMs};

/// Longest line of a reply we read (RFC 5321 section 4.5.3.1.5 says 512; some relays are wordier), in bytes.
const LINE_BYTES_MAX: usize = 4 * 1024;
/// Longest reply over all its lines, in bytes.
const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Most of a reply's text that is kept, in characters.
const TEXT_CHARS_MAX: usize = 1_000;
/// A message is written in blocks of this size, each with its own deadline, in bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// Either kind of connection: TCP or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What went wrong below the protocol.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nothing complete within this time.
    Silent(Duration),
    /// The other side closed.
    Closed,
    /// The connection broke.
    Broken(io::Error),
    /// What came is no SMTP reply.
    Nonsense(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silent(wait) => write!(f, "no answer within {} s", wait.as_secs_f32()),
            Self::Closed => f.write_str("the relay closed the connection"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Nonsense(what) => f.write_str(what),
        }
    }
}

/// A connection with its unread bytes.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
    certificate_ends_ms: Option<UtcMs>,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, unread: Vec::with_capacity(1_024), certificate_ends_ms: None }
    }

    /// A stream under TLS, with the end of the other side's certificate.
    pub(super) fn secured(stream: Box<dyn Stream>, certificate_ends_ms: Option<UtcMs>) -> Self {
        Self { certificate_ends_ms, ..Self::new(stream) }
    }

    /// When the other side's certificate ends; none without TLS.
    pub(super) fn certificate_ends_ms(&self) -> Option<UtcMs> {
        self.certificate_ends_ms
    }

    /// The stream alone, to put TLS over it.
    ///
    /// # Errors
    /// Something was already read beyond the last reply: whoever wrote it did so before TLS (RFC 3207 section 6;
    /// CVE-2011-0411), so nothing more is believed.
    pub(super) fn into_stream(self) -> Result<Box<dyn Stream>, Fault> {
        if self.unread.is_empty() {
            Ok(self.stream)
        } else {
            Err(Fault::Nonsense("the relay sent something between its reply to STARTTLS and TLS".to_owned()))
        }
    }

    /// Writes all of `bytes`; each block within `wait`. An error means that the last byte surely did not leave:
    /// the blocks go in order and the failed one was not finished.
    pub(super) async fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<(), Fault> {
        for block in bytes.chunks(BLOCK_BYTES) {
            within(wait, self.stream.write_all(block)).await?;
        }
        Ok(())
    }

    /// Pushes out what a TLS layer may hold back.
    pub(super) async fn flush(&mut self, wait: Duration) -> Result<(), Fault> {
        within(wait, self.stream.flush()).await
    }

    /// One whole reply within `wait`.
    pub(super) async fn read_reply(&mut self, wait: Duration) -> Result<Reply, Fault> {
        self.read_each(wait, |_| {}).await
    }

    /// One whole reply and the text of each of its lines, for EHLO, where each means something.
    pub(super) async fn read_lines(&mut self, wait: Duration) -> Result<(Reply, Vec<String>), Fault> {
        let mut lines = Vec::new();
        let reply = self.read_each(wait, |line| lines.push(shown(line))).await?;
        Ok((reply, lines))
    }

    async fn read_each(&mut self, wait: Duration, mut each: impl FnMut(&[u8])) -> Result<Reply, Fault> {
        let deadline = Instant::now() + wait;
        let mut text = String::new();
        let mut enhanced = None;
        let mut total = 0;
        loop {
            let line = self.read_line(deadline, wait).await?;
            total += line.len();
            if total > REPLY_BYTES_MAX {
                return Err(Fault::Nonsense(format!("a reply of more than {REPLY_BYTES_MAX} bytes")));
            }
            let (code, last, rest) = split_line(&line)
                .ok_or_else(|| Fault::Nonsense(format!("this is no SMTP reply: `{}`", shown(&line))))?;
            enhanced = enhanced.or_else(|| enhanced_status(code, rest));
            push_line(&mut text, rest);
            each(rest);
            if last {
                return Ok(Reply { code, enhanced, text });
            }
        }
    }

    /// One line without its end. A bare LF ends a line as well: a sloppy relay harms nobody by it.
    async fn read_line(&mut self, deadline: Instant, wait: Duration) -> Result<Vec<u8>, Fault> {
        let mut searched = 0;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.unread[searched..]) {
                let mut line: Vec<u8> = self.unread.drain(..=searched + end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            searched = self.unread.len();
            if searched > LINE_BYTES_MAX {
                return Err(Fault::Nonsense(format!("a reply line of more than {LINE_BYTES_MAX} bytes")));
            }
            let read = timeout_at(deadline, self.stream.read_buf(&mut self.unread)).await;
            match read {
                Err(_) => return Err(Fault::Silent(wait)),
                Ok(Err(error)) => return Err(Fault::Broken(error)),
                Ok(Ok(0)) => return Err(Fault::Closed),
                Ok(Ok(_)) => {}
            }
        }
    }

    /// Ends the connection; nothing depends on how that goes.
    pub(super) async fn shut(&mut self, wait: Duration) {
        let _ = within(wait, self.stream.shutdown()).await;
    }
}

async fn within<T>(wait: Duration, doing: impl Future<Output = io::Result<T>>) -> Result<T, Fault> {
    match tokio::time::timeout(wait, doing).await {
        Err(_) => Err(Fault::Silent(wait)),
        Ok(Err(error)) => Err(Fault::Broken(error)),
        Ok(Ok(done)) => Ok(done),
    }
}

/// Code, whether it is the last line, and the text (RFC 5321 section 4.2).
fn split_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let digits = line.get(..3).filter(|d| d.iter().all(u8::is_ascii_digit))?;
    let code = digits.iter().fold(0_u16, |code, digit| code * 10 + u16::from(digit - b'0'));
    let last = match line.get(3) {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    (200..600).contains(&code).then(|| (code, last, line.get(4..).unwrap_or_default()))
}

/// `5.1.1` at the start of the text (RFC 3463 section 2), if it fits the code's class.
fn enhanced_status(code: u16, text: &[u8]) -> Option<String> {
    let word = text.split(|b| *b == b' ').next()?;
    let word = std::str::from_utf8(word).ok()?;
    let mut parts = word.split('.');
    let class = parts.next()?.parse::<u16>().ok()?;
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let fits = parts.next().is_some_and(number) && parts.next().is_some_and(number) && parts.next().is_none();
    (fits && class == code / 100).then(|| word.to_owned())
}

/// Adds a line to the text of a reply, up to its limit.
fn push_line(text: &mut String, line: &[u8]) {
    let room = TEXT_CHARS_MAX.saturating_sub(text.chars().count() + 1);
    if room > 0 {
        if !text.is_empty() {
            text.push(' ');
        }
        text.extend(shown(line).chars().take(room));
    }
}

/// Foreign bytes as harmless text: no control characters, at most a reply's length.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    async fn reply_to(bytes: &[u8]) -> Result<Reply, Fault> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(bytes).await.unwrap();
        drop(theirs);
        Wire::new(Box::new(ours)).read_reply(WAIT).await
    }

    #[tokio::test]
    async fn replies_are_read_with_lines_and_status() {
        let reply = reply_to(b"550-5.1.1 no such\r\n550 5.1.1 user\r\n").await.unwrap();
        assert_eq!((reply.code, reply.enhanced.as_deref()), (550, Some("5.1.1")));
        assert_eq!(reply.text, "5.1.1 no such 5.1.1 user");
        let reply = reply_to(b"250\n").await.unwrap();
        assert_eq!((reply.code, reply.text.as_str()), (250, ""));
        assert_eq!(reply_to(b"250 5.1.1 wrong class\r\n").await.unwrap().enhanced, None);
        assert_eq!(reply_to(b"250 \xff\x07ok\r\n").await.unwrap().text, "\u{fffd}ok");
    }

    #[tokio::test]
    async fn endless_or_senseless_replies_are_cut_off() {
        for bad in [&b"hello\r\n"[..], b"99 x\r\n", b"999 x\r\n", b"250?x\r\n", b"\r\n", &[b'2'; 10_000]] {
            assert!(matches!(reply_to(bad).await, Err(Fault::Nonsense(_))));
        }
        let endless = "250-more\r\n".repeat(20_000);
        assert!(matches!(reply_to(endless.as_bytes()).await, Err(Fault::Nonsense(_))));
        assert!(matches!(reply_to(b"250 no end").await, Err(Fault::Closed)));
    }
}
