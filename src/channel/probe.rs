//! One request to our own public address, as a mailbox provider would send it: no redirect is followed, no cookie kept.

use std::{net::IpAddr, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::certificate;
use crate::domain::kernel::clock::UtcMs;

/// Longest wait for the whole exchange.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Most header lines of an answer.
const HEADERS_MAX: usize = 64;

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The first 64 kB of the body, as it came.
    pub body: String,
    /// When the server's certificate ends; none without TLS.
    pub certificate_ends_ms: Option<UtcMs>,
}

impl Seen {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// `https://host[:port]/path` or `http://…`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path and query, beginning with a slash.
    pub path: String,
}

impl Url {
    /// Takes `url` apart; `None` when it is no web address.
    pub fn parse(url: &str) -> Option<Self> {
        let (tls, rest) = match url.split_once("://")? {
            ("https", rest) => (true, rest),
            ("http", rest) => (false, rest),
            _ => return None,
        };
        let (place, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = match place.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None if tls => 443,
            None => 80,
        };
        let clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        (!host.is_empty() && clean(host) && clean(path)).then(|| Self {
            tls,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Where.
    pub url: &'a Url,
    /// `POST` with this form; `GET` where there is none.
    pub body: Option<&'a str>,
    /// A secret for `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// The host's addresses; the machine's resolver is asked where there are none.
    pub addresses: &'a [IpAddr],
}

/// Sends `GET`, or `POST` with the form `body`, and reads the answer.
///
/// # Errors
/// What kept us from an answer, for the operator.
pub async fn request(url: &Url, body: Option<&str>) -> Result<Seen, String> {
    ask(&Question { url, body, bearer: None, addresses: &[] }).await
}

/// Sends `question` and reads the answer.
///
/// # Errors
/// What kept us from an answer, for the operator.
pub async fn ask(question: &Question<'_>) -> Result<Seen, String> {
    timeout(TIMEOUT, exchange(question))
        .await
        .map_err(|_| format!("no answer within {} s", TIMEOUT.as_secs()))?
}

async fn exchange(question: &Question<'_>) -> Result<Seen, String> {
    let url = question.url;
    let stream = if question.addresses.is_empty() {
        TcpStream::connect((url.host.as_str(), url.port)).await
    } else {
        let places: Vec<_> = question.addresses.iter().map(|ip| (*ip, url.port).into()).collect();
        TcpStream::connect(&places[..]).await
    };
    let stream = stream.map_err(|error| error.to_string())?;
    if !url.tls {
        return talk(stream, question).await;
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(url.host.clone()).map_err(|error| error.to_string())?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = stream.map_err(|error| format!("TLS: {error}"))?;
    let first = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate_ends_ms = first.and_then(|der| certificate::not_after_ms(der));
    Ok(Seen { certificate_ends_ms, ..talk(stream, question).await? })
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    question: &Question<'_>,
) -> Result<Seen, String> {
    let url = question.url;
    let (method, body) = question.body.map_or(("GET", ""), |body| ("POST", body));
    let mut request = format!(
        "{method} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: partnercast doctor\r\nConnection: close\r\n",
        url.path,
        url.authority()
    );
    if method == "POST" {
        request.push_str(&format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    if let Some(secret) = question.bearer {
        request.push_str(&format!("Authorization: Bearer {secret}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    let broken = |error: std::io::Error| error.to_string();
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut bytes = Vec::new();
    let read = (&mut stream).take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).await;
    // Some servers end TLS without saying so; what came is enough.
    if bytes.is_empty() {
        read.map_err(broken)?;
    }
    read_answer(&bytes).ok_or_else(|| "what answers there does not speak HTTP".to_owned())
}

fn read_answer(bytes: &[u8]) -> Option<Seen> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(at) = answer.parse(bytes).ok()? else { return None };
    Some(Seen {
        status: answer.code?,
        headers: answer
            .headers
            .iter()
            .map(|header| (header.name.to_lowercase(), String::from_utf8_lossy(header.value).into_owned()))
            .collect(),
        body: String::from_utf8_lossy(&bytes[at..]).into_owned(),
        certificate_ends_ms: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let url = |text: &str| {
            Url::parse(text)
                .map(|url| (url.tls, url.host.clone(), url.port, url.path.clone(), url.authority()))
        };
        let parts = |tls, host: &str, port, path: &str, authority: &str| {
            Some((tls, host.to_owned(), port, path.to_owned(), authority.to_owned()))
        };
        assert_eq!(url("https://a.example"), parts(true, "a.example", 443, "/", "a.example"));
        assert_eq!(url("http://[::1]:8000/x?y"), parts(false, "::1", 8000, "/x?y", "[::1]:8000"));
        for bad in ["ftp://a", "a.example", "https://", "https://a:b/", "https://a b/"] {
            assert_eq!(url(bad), None, "{bad}");
        }
    }

    #[test]
    fn answers_are_read_and_nonsense_is_not() {
        let seen = read_answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\nhi").unwrap();
        assert_eq!((seen.status, seen.header("set-cookie"), seen.body.as_str()), (200, Some("a=b"), "hi"));
        assert_eq!(read_answer(b"220 mail ESMTP\r\n"), None);
        assert_eq!(read_answer(b"HTTP/1.1 200 OK\r\nSet-"), None);
    }
}
