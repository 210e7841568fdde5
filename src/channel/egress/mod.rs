//! The one HTTP client for addresses that others name: a partner's webhook, and whatever comes later. It goes where the [`Guard`]
//! lets it and nowhere else.
//!
//! A name is resolved once, every address of the answer is checked, and the connection goes to the checked addresses, so that a
//! name that changes its mind between check and connection gains nothing. Redirects are not followed, proxies of the environment
//! not asked, nothing is decompressed, and an exchange has ten seconds and 64 kB.

mod guard;
#[cfg(test)]
mod tests;
mod url;

use std::{
    fmt,
    future::Future,
    io,
    net::IpAddr,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

pub use guard::Guard;
pub use url::{Host, Target};

use super::trust;

/// Longest time for an exchange, from the name to the last byte.
const WHOLE: Duration = Duration::from_secs(10);
/// Longest time for one address to take the connection: the next one must have its turn.
const CONNECT: Duration = Duration::from_secs(4);
/// Most bytes of an answer's body that are read.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header lines of an answer.
const HEADERS_MAX: usize = 100;
/// Most addresses of a name that are looked at; more are no answer of anybody's who wants to be reached.
const ADDRESSES_MAX: usize = 32;

/// Questions for addresses at once, of the 512 threads that a process has for what blocks.
const QUESTIONS_MAX: usize = 64;

/// The addresses of a name, or why nobody knows.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Somebody who knows addresses.
pub trait Resolve: Send + Sync {
    /// The addresses of `name`.
    fn addresses<'a>(&'a self, name: &'a str) -> Addresses<'a>;
}

/// The machine's resolver, with its file of hosts.
#[derive(Debug, Clone)]
pub struct Machine {
    // Each question holds a thread, which a slow name server keeps after we have given up, and others need threads too.
    questions: Arc<Semaphore>,
}

impl Default for Machine {
    fn default() -> Self {
        Self { questions: Arc::new(Semaphore::new(QUESTIONS_MAX)) }
    }
}

impl Resolve for Machine {
    fn addresses<'a>(&'a self, name: &'a str) -> Addresses<'a> {
        Box::pin(async move {
            let place = self.questions.clone().acquire_owned().await.map_err(io::Error::other)?;
            let name = name.to_owned();
            // In a task of its own: the place is free when the thread is, and not when nobody waits for it any more.
            let asked = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name, 0)).await;
                drop(place);
                found.map(|found| found.map(|place| place.ip()).collect())
            });
            asked.await.map_err(io::Error::other)?
        })
    }
}

/// What kept us from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// Why, for whoever owns the endpoint: no word about our own network beyond "is not allowed".
    pub why: String,
    /// Whether it is our own fault, or this machine's: the endpoint was asked for nothing.
    pub is_ours: bool,
}

impl Unanswered {
    /// A fault of our own.
    pub fn ours(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_ours: true }
    }

    /// A fault of the endpoint, or of what lies before it.
    pub fn theirs(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_ours: false }
    }

    /// A fault of a connection or of a name.
    fn of(error: &io::Error, why: String) -> Self {
        use io::ErrorKind as E;
        // The name servers of this machine do not answer; `getaddrinfo` tells it (EAI_AGAIN) in words alone.
        let is_resolver = error.to_string().contains("Temporary failure in name resolution");
        let is_machine = matches!(error.kind(), E::NetworkDown | E::AddrNotAvailable | E::PermissionDenied)
            // EMFILE, ENFILE and ENOBUFS have no word of their own.
            || matches!(error.raw_os_error(), Some(23 | 24 | 105));
        Self { why, is_ours: is_resolver || is_machine }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// Where.
    pub to: &'a Target,
    /// Headers beside those that every request has.
    pub headers: &'a [(&'static str, &'a str)],
    /// The body, JSON.
    pub body: &'a str,
}

/// What was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The first 64 kB of the body as it came; what is no UTF-8 is replaced.
    pub body: String,
}

impl Answered {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// The client. Made once and shared.
pub struct Egress {
    guard: Guard,
    resolver: Arc<dyn Resolve>,
    ca_file: Option<PathBuf>,
    whole: Duration,
    // Reading the machine's certificates takes a while, and most installations have nothing to send.
    // What failed is read again: it may have been mended.
    tls: OnceLock<TlsConnector>,
}

impl Default for Egress {
    fn default() -> Self {
        Self::new(Guard::default(), None)
    }
}

impl Egress {
    /// A client behind `guard`; `ca_file` holds certificates of a private authority, beside the machine's.
    pub fn new(guard: Guard, ca_file: Option<PathBuf>) -> Self {
        Self { guard, resolver: Arc::new(Machine::default()), ca_file, whole: WHOLE, tls: OnceLock::new() }
    }

    /// The same, asking `resolver` for addresses.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// The same with another time for an exchange.
    #[must_use]
    pub fn with_time(mut self, whole: Duration) -> Self {
        self.whole = whole;
        self
    }

    /// Reads an address and says whether it could be gone to, as far as that shows without asking for a name.
    ///
    /// # Errors
    /// `Invalid`, saying what is wrong and how to mend it.
    pub fn target(&self, url: &str) -> crate::domain::kernel::Result<Target> {
        let target = Target::parse(url)?;
        self.guard.admits(&target).map_err(crate::domain::kernel::Error::invalid)?;
        Ok(target)
    }

    /// Sends `post` and reads the answer. Once the status has come, that is the answer, however much of the body comes in time.
    ///
    /// # Errors
    /// What kept us from an answer.
    pub async fn post(&self, post: &Post<'_>) -> Result<Answered, Unanswered> {
        self.exchange("POST", post).await
    }

    /// Asks for what is at an address, and reads the answer, as [`Egress::post`] does.
    ///
    /// # Errors
    /// What kept us from an answer.
    pub async fn get(&self, to: &Target, headers: &[(&'static str, &str)]) -> Result<Answered, Unanswered> {
        self.exchange("GET", &Post { to, headers, body: "" }).await
    }

    async fn exchange(&self, method: &'static str, post: &Post<'_>) -> Result<Answered, Unanswered> {
        let until = Deadline { at: Instant::now() + self.whole, whole: self.whole };
        self.guard.admits(post.to).map_err(Unanswered::ours)?;
        let addresses = until.of(self.checked_addresses(post.to)).await?;
        let stream = until.of(connect(&addresses, post.to.port())).await?;
        // Head and body are small and leave at once.
        stream.set_nodelay(true).map_err(|error| Unanswered::theirs(error.to_string()))?;
        if !post.to.is_tls() {
            return talk(stream, (method, post), until).await;
        }
        let name = match post.to.host() {
            Host::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|error| Unanswered::theirs(error.to_string()))?
            }
            Host::Address(ip) => ServerName::from(*ip),
        };
        let connector = self.connector()?;
        let stream = until
            .of(async {
                let shaken = connector.connect(name, stream).await;
                shaken.map_err(|error| Unanswered::theirs(format!("TLS: {error}")))
            })
            .await?;
        talk(stream, (method, post), until).await
    }

    fn connector(&self) -> Result<&TlsConnector, Unanswered> {
        if let Some(known) = self.tls.get() {
            return Ok(known);
        }
        let new =
            trust::connector(self.ca_file.as_deref()).map_err(|error| Unanswered::ours(error.public()))?;
        Ok(self.tls.get_or_init(|| new))
    }

    /// The addresses to connect to, every one of them checked.
    async fn checked_addresses(&self, to: &Target) -> Result<Vec<IpAddr>, Unanswered> {
        let addresses = match to.host() {
            Host::Address(ip) => vec![*ip],
            Host::Name(name) => self.resolver.addresses(name).await.map_err(|error| {
                Unanswered::of(&error, format!("the name {name} has no address: {error}"))
            })?,
        };
        if addresses.is_empty() || addresses.len() > ADDRESSES_MAX {
            return Err(Unanswered::theirs(format!("the name has {} addresses", addresses.len())));
        }
        // One that is not allowed spoils the answer: whoever mixes them means the other one.
        for ip in &addresses {
            self.guard.admits_address(*ip, to.is_tls()).map_err(Unanswered::theirs)?;
        }
        Ok(addresses)
    }
}

/// Until when an exchange may last.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    at: Instant,
    whole: Duration,
}

impl Deadline {
    async fn of<T>(self, part: impl Future<Output = Result<T, Unanswered>>) -> Result<T, Unanswered> {
        timeout_at(self.at, part).await.unwrap_or_else(|_| {
            Err(Unanswered::theirs(format!("no answer within {} s", self.whole.as_secs_f32())))
        })
    }
}

async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, Unanswered> {
    let mut why = Unanswered::theirs("the name has no address");
    for ip in addresses {
        match timeout(CONNECT, TcpStream::connect((*ip, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = Unanswered::of(&error, format!("no connection: {error}")),
            Err(_) => why = Unanswered::theirs(format!("no connection within {} s", CONNECT.as_secs())),
        }
    }
    Err(why)
}

fn request(method: &str, post: &Post<'_>) -> Result<Request<Full<Bytes>>, Unanswered> {
    let mut request = Request::builder()
        .method(method)
        .uri(post.to.path())
        .header("host", post.to.authority())
        .header("user-agent", concat!("partnercast/", env!("CARGO_PKG_VERSION")))
        .header("accept-encoding", "identity")
        .header("connection", "close");
    if method != "GET" {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in post.headers {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(Bytes::copy_from_slice(post.body.as_bytes())))
        .map_err(|error| Unanswered::ours(format!("the request cannot be written: {error}")))
}

async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (method, post): (&str, &Post<'_>),
    until: Deadline,
) -> Result<Answered, Unanswered> {
    let request = request(method, post)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| told(&error))?;
    // Driven here and not in a task of its own, so that it ends with us whatever happens.
    let exchange = async {
        let head = async { sender.send_request(request).await.map_err(|error| told(&error)) };
        let (head, mut body) = until.of(head).await?.into_parts();
        let mut bytes = Vec::new();
        while bytes.len() < BODY_BYTES_MAX {
            match timeout_at(until.at, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    bytes.extend_from_slice(&data[..data.len().min(BODY_BYTES_MAX - bytes.len())]);
                }
                // The status has come, and with it the answer; what is missing is words.
                Ok(Some(Err(_)) | None) | Err(_) => break,
            }
        }
        let headers = head.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Ok(Answered {
            status: head.status.as_u16(),
            headers: headers.collect(),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        biased;
        done = &mut exchange => done,
        // When the connection ends by itself, the exchange has, or learns, what there is to know.
        _ = &mut connection => exchange.await,
    }
}

/// An error of the connection with its cause, in words.
fn told(error: &hyper::Error) -> Unanswered {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Unanswered::theirs(format!("no answer in HTTP: {error}{cause}"))
}
