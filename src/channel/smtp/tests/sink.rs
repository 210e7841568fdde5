//! A scripted relay for tests: what it answers at each step is a function of the step, and it notes all it hears.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::super::wire::Stream;

/// What the sink does at a step.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers with these lines; CRLF is added.
    Say(String),
    /// Answers 220 and then speaks TLS, having slipped in these bytes of plain text after the 220.
    StartTls(&'static str),
    /// Answers nothing, reads on and keeps the connection open.
    Silent,
    /// Reads and answers nothing more, and keeps the connection open.
    Stall,
    /// Closes.
    Drop,
    /// Answers with one endless line of 10 MB.
    Flood,
}

/// Where the conversation stands.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Number of the connection, from 0.
    pub connection: usize,
    /// Messages that were ended on it before this one.
    pub message: usize,
    /// RSETs heard on it.
    pub resets: usize,
    /// `GREETING`, a verb, `BODY` (after the first line of a message) or `DOT`.
    pub verb: String,
    /// The whole line.
    pub line: String,
}

type Script = dyn Fn(&Step) -> Option<Act> + Send + Sync;

/// A running sink.
pub(super) struct Sink {
    pub addr: SocketAddr,
    pub heard: Arc<Mutex<Vec<String>>>,
    pub bodies: Arc<Mutex<Vec<String>>>,
}

/// How the sink protects connections.
#[derive(Clone, Default)]
pub(super) struct SinkTls {
    pub acceptor: Option<TlsAcceptor>,
    pub implicit: bool,
}

impl Sink {
    /// Where `script` gives `None`, the sink does what a friendly relay does.
    pub(super) async fn start(script: impl Fn(&Step) -> Option<Act> + Send + Sync + 'static) -> Self {
        Self::start_tls(SinkTls::default(), script).await
    }

    pub(super) async fn start_tls(
        tls: SinkTls,
        script: impl Fn(&Step) -> Option<Act> + Send + Sync + 'static,
    ) -> Self {
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
                    tls: tls.clone(),
                    connection,
                    message: 0,
                    resets: 0,
                };
                connection += 1;
                tokio::spawn(async move {
                    let stream: Box<dyn Stream> = match &talk.tls {
                        SinkTls { acceptor: Some(tls), implicit: true } => match tls.accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                        _ => Box::new(stream),
                    };
                    talk.run(stream).await;
                });
            }
        });
        sink
    }

    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub(super) fn count(&self, verb: &str) -> usize {
        self.heard().iter().filter(|line| line.starts_with(verb)).count()
    }
}

struct Talk {
    script: Arc<Script>,
    heard: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
    tls: SinkTls,
    connection: usize,
    message: usize,
    resets: usize,
}

impl Talk {
    fn act(&self, verb: &str, line: &str) -> Act {
        let step = Step {
            connection: self.connection,
            message: self.message,
            resets: self.resets,
            verb: verb.to_owned(),
            line: line.to_owned(),
        };
        (self.script)(&step).unwrap_or_else(|| {
            Act::Say(
                match verb {
                    "GREETING" => "220 sink",
                    "EHLO" => "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 1000000",
                    "DATA" => "354 go on",
                    "QUIT" => "221 bye",
                    "BODY" => "",
                    _ => "250 2.0.0 ok",
                }
                .to_owned(),
            )
        })
    }

    async fn run(&mut self, stream: Box<dyn Stream>) {
        let mut stream = BufReader::new(stream);
        if !obey(self.act("GREETING", ""), &mut stream).await {
            return;
        }
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_owned();
            self.heard.lock().unwrap().push(line.clone());
            let verb = line.split(' ').next().unwrap_or("").to_ascii_uppercase();
            let act = self.act(&verb, &line);
            self.resets += usize::from(verb == "RSET");
            if let Act::StartTls(slipped) = act {
                stream.write_all(format!("220 go\r\n{slipped}").as_bytes()).await.unwrap();
                let acceptor = self.tls.acceptor.clone().unwrap();
                match acceptor.accept(stream.into_inner()).await {
                    Ok(secure) => stream = BufReader::new(Box::new(secure)),
                    Err(_) => return,
                }
                continue;
            }
            let goes_in = verb == "DATA" && matches!(&act, Act::Say(text) if text.starts_with("354"));
            if !obey(act, &mut stream).await {
                return;
            }
            if goes_in && !self.take_message(&mut stream).await {
                return;
            }
        }
    }

    /// Takes a message; an early act at `BODY` may end it.
    async fn take_message(&mut self, stream: &mut BufReader<Box<dyn Stream>>) -> bool {
        let mut body = Vec::new();
        while !(body == b".\r\n" || body.ends_with(b"\r\n.\r\n")) {
            let first = body.is_empty();
            if stream.read_until(b'\n', &mut body).await.unwrap_or(0) == 0 {
                return false;
            }
            let act = self.act("BODY", "");
            if first && !matches!(&act, Act::Say(text) if text.is_empty()) && !obey(act, stream).await {
                return false;
            }
        }
        self.bodies.lock().unwrap().push(String::from_utf8(body).unwrap());
        let act = self.act("DOT", "");
        self.message += 1;
        obey(act, stream).await
    }
}

/// Does it; false when the conversation is over.
async fn obey(act: Act, stream: &mut BufReader<Box<dyn Stream>>) -> bool {
    match act {
        Act::Say(text) => {
            stream.write_all(format!("{text}\r\n").as_bytes()).await.is_ok() && stream.flush().await.is_ok()
        }
        Act::Flood => {
            let _ = stream.write_all(&vec![b'2'; 10_000_000]).await;
            false
        }
        Act::Silent => {
            // Until the client has had enough.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            false
        }
        Act::Stall => std::future::pending().await,
        Act::StartTls(_) | Act::Drop => false,
    }
}
