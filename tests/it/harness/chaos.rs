//! A scripted relay for tests: what it does at each step is a function of the step, and it notes all it hears.
//!
//! The client's own tests use this file too, so it names nothing of the program.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};

/// Both directions of a connection, plain or secured.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A connection as the sink holds it, with what was read ahead.
pub type Wire = BufReader<Box<dyn Duplex>>;

/// Has the connection to itself for a while; what it gives back is gone on with.
pub type Takeover = dyn Fn(Wire) -> Pin<Box<dyn Future<Output = Option<Wire>> + Send>> + Send + Sync;

/// What the sink does at a step.
#[derive(Clone)]
pub enum Act {
    /// Does nothing and goes on: what happens where nothing is due.
    GoOn,
    /// Answers with these lines; CRLF is added.
    Say(String),
    /// Answers with these lines and closes.
    LastWord(String),
    /// Reads and answers nothing more, and keeps the connection open.
    Silent,
    /// Closes.
    Drop,
    /// Answers with one endless line of 10 MB.
    Flood,
    /// Leaves the connection to somebody else.
    Take(Arc<Takeover>),
}

impl Act {
    /// Leaves the connection to `work`.
    pub fn take<F>(work: impl Fn(Wire) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<Wire>> + Send + 'static,
    {
        Self::Take(Arc::new(move |wire| Box::pin(work(wire))))
    }
}

/// Where the conversation stands.
#[derive(Debug, Clone)]
pub struct Step {
    /// Number of the connection, from 0.
    pub connection: usize,
    /// Messages that were ended on it before this one.
    pub message: usize,
    /// `CONNECT`, `GREETING`, a verb, `BODY` (after the first line of a message) or `DOT`.
    pub verb: String,
    /// The whole line.
    pub line: String,
    /// The domain of the last RCPT.
    pub domain: String,
}

type Script = dyn Fn(&Step) -> Option<Act> + Send + Sync;

/// A running sink.
pub struct Sink {
    /// Where it listens, on this machine.
    pub addr: SocketAddr,
    /// Every line but those of messages.
    pub heard: Arc<Mutex<Vec<String>>>,
    /// Every message that was ended and not refused then, with its dot.
    pub bodies: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    /// Where `script` gives `None`, the sink does what a friendly relay does.
    pub async fn start(script: impl Fn(&Step) -> Option<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink =
            Self { addr: listener.local_addr().unwrap(), heard: Arc::default(), bodies: Arc::default() };
        let (heard, bodies) = (Arc::clone(&sink.heard), Arc::clone(&sink.bodies));
        let script: Arc<Script> = Arc::new(script);
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let mut talk = Talk {
                    script: Arc::clone(&script),
                    heard: Arc::clone(&heard),
                    bodies: Arc::clone(&bodies),
                    connection,
                    message: 0,
                    domain: String::new(),
                };
                connection += 1;
                tokio::spawn(async move { talk.run(BufReader::new(Box::new(stream))).await });
            }
        });
        sink
    }

    /// What it heard so far.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// How many lines began with `verb`.
    pub fn count(&self, verb: &str) -> usize {
        self.heard().iter().filter(|line| line.starts_with(verb)).count()
    }
}

struct Talk {
    script: Arc<Script>,
    heard: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
    connection: usize,
    message: usize,
    domain: String,
}

impl Talk {
    fn act(&self, verb: &str, line: &str) -> Act {
        let step = Step {
            connection: self.connection,
            message: self.message,
            verb: verb.to_owned(),
            line: line.to_owned(),
            domain: self.domain.clone(),
        };
        (self.script)(&step).unwrap_or_else(|| {
            let answer = match verb {
                "CONNECT" | "BODY" => return Act::GoOn,
                "GREETING" => "220 sink",
                "EHLO" => "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 1000000",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 2.0.0 ok",
            };
            Act::Say(answer.to_owned())
        })
    }

    /// Talks until one side has had enough.
    async fn run(&mut self, mut stream: Wire) {
        for before in ["CONNECT", "GREETING"] {
            match obey(self.act(before, ""), stream).await {
                Some(same) => stream = same,
                None => return,
            }
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_owned();
            self.heard.lock().unwrap().push(line.clone());
            let verb = line.split(' ').next().unwrap_or("").to_ascii_uppercase();
            if let Some((_, domain)) = line.rsplit_once('@').filter(|_| verb == "RCPT") {
                domain.split('>').next().unwrap_or("").clone_into(&mut self.domain);
            }
            let act = self.act(&verb, &line);
            let goes_in = verb == "DATA" && matches!(&act, Act::Say(text) if text.starts_with("354"));
            let Some(same) = obey(act, stream).await else { return };
            stream = same;
            if goes_in {
                match self.take_message(stream).await {
                    Some(same) => stream = same,
                    None => return,
                }
            }
        }
    }

    /// Takes a message; an early act at `BODY` may end it.
    async fn take_message(&mut self, mut stream: Wire) -> Option<Wire> {
        let mut body = Vec::new();
        while !(body == b".\r\n" || body.ends_with(b"\r\n.\r\n")) {
            let is_first = body.is_empty();
            if stream.read_until(b'\n', &mut body).await.unwrap_or(0) == 0 {
                return None;
            }
            if is_first {
                stream = obey(self.act("BODY", ""), stream).await?;
            }
        }
        let act = self.act("DOT", "");
        if !matches!(&act, Act::Say(text) | Act::LastWord(text) if text.starts_with(['4', '5'])) {
            self.bodies.lock().unwrap().push(String::from_utf8(body).unwrap());
        }
        self.message += 1;
        obey(act, stream).await
    }
}

/// Does it; `None` when the conversation is over.
async fn obey(act: Act, mut stream: Wire) -> Option<Wire> {
    let (text, goes_on) = match act {
        Act::GoOn => return Some(stream),
        Act::Say(text) => (text, true),
        Act::LastWord(text) => (text, false),
        Act::Flood => {
            let _ = stream.write_all(&vec![b'2'; 10_000_000]).await;
            return None;
        }
        Act::Silent => std::future::pending().await,
        Act::Take(work) => return work(stream).await,
        Act::Drop => return None,
    };
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    if !goes_on {
        // Said and then closed, not reset: what the other side sent meanwhile is read.
        let _ = stream.get_mut().shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    goes_on.then_some(stream)
}
