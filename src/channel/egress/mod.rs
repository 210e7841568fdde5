//! The one HTTP client for addresses that others name: a partner's webhook, its site, the server of its social network. It goes
//! where the [`Guard`] lets it and nowhere else.
//!
//! A name is resolved once, every address of the answer is checked, and the connection goes to the checked addresses, so that a
//! name that changes its mind between check and connection gains nothing. Redirects are not followed, proxies of the environment
//! not asked, nothing is decompressed, and an exchange has ten seconds and, unless more is asked for, 64 kB. Finding a name's
//! addresses has a time of its own, for name servers are this machine's.

mod guard;
mod line;
#[cfg(test)]
mod line_tests;
mod names;
#[cfg(test)]
mod names_tests;
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
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

pub use guard::Guard;
pub use line::Line;
pub use names::{Addresses, Machine, Resolve};
pub use url::{Host, Target};

use self::names::{Lately, Names};
use super::trust;

/// Longest time for an exchange, from the connection to the last byte. Half of it is there for the name before.
const WHOLE: Duration = Duration::from_secs(10);
/// For how long a connection to anybody shows that this machine has a way out.
const REACHED_LATELY: Duration = Duration::from_secs(60);
/// Longest time for one address to take the connection: the next one must have its turn.
const CONNECT: Duration = Duration::from_secs(4);
/// Most bytes of an answer's body that are read, where nothing else is asked for.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header lines of an answer.
const HEADERS_MAX: usize = 100;
/// Most addresses of a name that are looked at; more are no answer of anybody's who wants to be reached.
const ADDRESSES_MAX: usize = 32;

/// What kept us from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// Why, for whoever owns the endpoint: no word about our own network beyond "is not allowed".
    pub why: String,
    /// Whether it is our own fault, or this machine's: the endpoint was asked for nothing.
    pub is_ours: bool,
    /// Whether there was no connection, so that nothing of the request left.
    pub is_unsent: bool,
}

impl Unanswered {
    /// A fault of our own.
    pub fn ours(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_ours: true, is_unsent: true }
    }

    /// A fault of the endpoint, or of what lies before it.
    pub fn theirs(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_ours: false, is_unsent: false }
    }

    /// A fault of a connection or of a name.
    fn of(error: &io::Error, why: String) -> Self {
        use io::ErrorKind as E;
        let is_ours = matches!(error.kind(), E::NetworkDown | E::AddrNotAvailable | E::PermissionDenied)
            // EMFILE, ENFILE and ENOBUFS have no word of their own.
            || matches!(error.raw_os_error(), Some(23 | 24 | 105));
        Self { why, is_ours, is_unsent: false }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// JSON that is sent.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// Where.
    pub to: &'a Target,
    /// Headers beside those that every request has.
    pub headers: &'a [(&'static str, &'a str)],
    /// The body, JSON.
    pub body: &'a str,
}

impl<'a> Post<'a> {
    /// Its headers, with what its body is.
    fn headers_of_json(&self) -> Vec<(&'static str, &'a str)> {
        std::iter::once(("content-type", "application/json")).chain(self.headers.iter().copied()).collect()
    }

    /// As any request, with those headers.
    fn ask(&self, headers: &'a [(&'static str, &'a str)]) -> Ask<'a> {
        let body = self.body.as_bytes();
        Ask { method: "POST", to: self.to, headers, body, body_bytes_max: BODY_BYTES_MAX }
    }
}

/// Any request.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// Where.
    pub to: &'a Target,
    /// Headers beside those that every request has; a body needs `content-type`.
    pub headers: &'a [(&'static str, &'a str)],
    /// The body; nothing with `GET`.
    pub body: &'a [u8],
    /// Most bytes of the answer's body that are read.
    pub body_bytes_max: usize,
}

/// What was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body as it came, 64 kB of it unless more was asked for; what is no UTF-8 is replaced.
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
    names: Names,
    /// Addresses that took a connection.
    reached: Lately,
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
        let names = Names::new(Arc::new(Machine), WHOLE / 2);
        Self { guard, names, reached: Lately::default(), ca_file, whole: WHOLE, tls: OnceLock::new() }
    }

    /// The same, asking `resolver` for addresses.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.names = self.names.with_resolver(resolver);
        self
    }

    /// The same with another time for an exchange, and half of it for a name.
    #[must_use]
    pub fn with_time(mut self, whole: Duration) -> Self {
        self.whole = whole;
        self.names = self.names.with_time(whole / 2);
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

    /// Sends `post` and reads the answer, as [`Egress::send`] does.
    ///
    /// # Errors
    /// What kept us from an answer.
    pub async fn post(&self, post: &Post<'_>) -> Result<Answered, Unanswered> {
        self.send(&post.ask(&post.headers_of_json())).await
    }

    /// Asks for what is at an address and reads the answer, as [`Egress::send`] does.
    ///
    /// # Errors
    /// What kept us from an answer.
    pub async fn get(&self, to: &Target, headers: &[(&'static str, &str)]) -> Result<Answered, Unanswered> {
        self.send(&Ask { method: "GET", to, headers, body: &[], body_bytes_max: BODY_BYTES_MAX }).await
    }

    /// Sends `ask` over a connection of its own and reads the answer. Once the status has come, that is the answer, however much
    /// of the body comes in time.
    ///
    /// # Errors
    /// What kept us from an answer.
    pub async fn send(&self, ask: &Ask<'_>) -> Result<Answered, Unanswered> {
        let mut until = self.deadline();
        let opened = self.open(ask.to, &mut until).await;
        let (mut sender, connection) = opened.map_err(|why| Unanswered { is_unsent: true, ..why })?;
        // Driven here and not in a task of its own, so that it ends with us whatever happens.
        let exchange = async { exchange(&mut sender, ask, true, until).await.map(|(answered, _)| answered) };
        tokio::pin!(exchange, connection);
        tokio::select! {
            biased;
            done = &mut exchange => done,
            // When the connection ends by itself, the exchange has, or learns, what there is to know.
            _ = &mut connection => exchange.await,
        }
    }

    /// A line to `to`, for several requests one behind another.
    pub fn line(&self, to: Target) -> Line<'_> {
        Line::new(self, to)
    }

    fn deadline(&self) -> Deadline {
        Deadline { at: Instant::now() + self.whole, whole: self.whole }
    }

    /// Opens a connection to one of the checked addresses of `to`. Nothing happens on it unless its second part is driven. What
    /// it takes to find the addresses is no time of the exchange's: `until` moves by it.
    async fn open(&self, to: &Target, until: &mut Deadline) -> Result<Opened, Unanswered> {
        self.guard.admits(to).map_err(Unanswered::ours)?;
        let began = Instant::now();
        let addresses = self.checked_addresses(to).await?;
        until.at += began.elapsed();
        let stream = until.of(self.connect(&addresses, to.port())).await?;
        // Head and body are small and leave at once.
        stream.set_nodelay(true).map_err(|error| Unanswered::theirs(error.to_string()))?;
        if !to.is_tls() {
            return hand_shake(stream).await;
        }
        let name = match to.host() {
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
        hand_shake(stream).await
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
            Host::Name(name) => self.names.addresses(name).await?,
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

    /// A connection to the first address that takes one.
    async fn connect(&self, addresses: &[IpAddr], port: u16) -> Result<TcpStream, Unanswered> {
        let mut why = Unanswered::theirs("the name has no address");
        for ip in addresses {
            match timeout(CONNECT, TcpStream::connect((*ip, port))).await {
                Ok(Ok(stream)) => {
                    // One on these premises shows no way out of them.
                    if Guard::default().admits_address(*ip, true).is_ok() {
                        self.reached.note(&ip.to_string());
                    }
                    return Ok(stream);
                }
                Ok(Err(error)) => {
                    why = Unanswered::of(&error, format!("no connection: {error}"));
                    // Without a way to anybody it is our own line that is down.
                    why.is_ours |=
                        error.kind() == io::ErrorKind::NetworkUnreachable && !self.is_connected(*ip);
                }
                Err(_) => why = Unanswered::theirs(format!("no connection within {} s", CONNECT.as_secs())),
            }
        }
        Err(why)
    }

    /// Whether anybody but `ip` took a connection lately.
    fn is_connected(&self, ip: IpAddr) -> bool {
        self.reached.other(&ip.to_string()).is_some_and(|(_, at)| at.elapsed() < REACHED_LATELY)
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

/// A connection: what requests are given to, and what drives it.
type Opened = (SendRequest<Full<Bytes>>, Pin<Box<dyn Future<Output = ()> + Send>>);

async fn hand_shake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Opened, Unanswered> {
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| told(&error))?;
    // How it ends is told to whoever waits for an answer on it.
    Ok((sender, Box::pin(async { _ = connection.await })))
}

fn request(ask: &Ask<'_>, is_last: bool) -> Result<Request<Full<Bytes>>, Unanswered> {
    let mut request = Request::builder()
        .method(ask.method)
        .uri(ask.to.path())
        .header("host", ask.to.authority())
        .header("user-agent", concat!("partnercast/", env!("CARGO_PKG_VERSION")))
        .header("accept-encoding", "identity");
    if is_last {
        request = request.header("connection", "close");
    }
    for (name, value) in ask.headers {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(Bytes::copy_from_slice(ask.body)))
        .map_err(|error| Unanswered::ours(format!("the request cannot be written: {error}")))
}

/// One request and its answer, and whether all of the answer was read, so that another request may follow.
async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    ask: &Ask<'_>,
    is_last: bool,
    until: Deadline,
) -> Result<(Answered, bool), Unanswered> {
    let request = request(ask, is_last)?;
    let head = async { sender.send_request(request).await.map_err(|error| told(&error)) };
    let (head, mut body) = until.of(head).await?.into_parts();
    let (mut bytes, mut is_whole) = (Vec::new(), false);
    while bytes.len() < ask.body_bytes_max {
        match timeout_at(until.at, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                bytes.extend_from_slice(&data[..data.len().min(ask.body_bytes_max - bytes.len())]);
            }
            // The status has come, and with it the answer; what is missing is words.
            Ok(Some(Err(_))) | Err(_) => break,
            Ok(None) => {
                is_whole = true;
                break;
            }
        }
    }
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let answered = Answered {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    Ok((answered, is_whole))
}

/// An error of the connection with its cause, in words.
fn told(error: &hyper::Error) -> Unanswered {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Unanswered::theirs(format!("no answer in HTTP: {error}{cause}"))
}
