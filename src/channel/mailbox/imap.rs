//! An IMAP mailbox as a source (RFC 9051), over TLS only. Messages are fetched without being marked, and moved, marked
//! or deleted when they are recorded.

use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use async_imap::{Client, Session, error::Error as ImapError};
use futures_util::TryStreamExt;
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;

use super::{
    super::{
        smtp::{percent_decoded, split_place},
        trust,
    },
    Letter, MESSAGE_BYTES_MAX,
};
use crate::domain::kernel::{Error, Result};

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Longest wait for a batch, which may be 20 MB.
const BATCH_MAX: Duration = Duration::from_secs(300);

/// What happens to a message that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It goes to this folder.
    Move(String),
    /// It is marked as seen; unseen messages alone are looked at.
    Seen,
    /// It is deleted.
    Delete,
}

/// A mailbox, and how to get in.
#[derive(Clone, PartialEq, Eq)]
pub struct ImapPlace {
    host: String,
    port: u16,
    starttls: bool,
    user: String,
    password: String,
    folder: String,
    done: Done,
    ca_file: Option<PathBuf>,
}

impl ImapPlace {
    /// Reads `imaps://user:password@host:993/INBOX` or `imap+starttls://…:143/INBOX`; user, password and folder are
    /// percent-decoded, the folder is `INBOX` if absent. `ca_file` holds certificates of a private authority.
    ///
    /// # Errors
    /// Every fault found, in one text; it never repeats the password.
    pub fn parse(url: &str, done: Done, ca_file: Option<&Path>) -> Result<Self> {
        const FORMS: &str =
            "write imaps://user:password@host:993/INBOX or imap+starttls://user:password@host:143/INBOX";
        let mut faults = Vec::new();
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (starttls, port_default) = match scheme {
            "imaps" => (false, 993),
            "imap+starttls" => (true, 143),
            "imap" => {
                faults.push(format!("the password would cross the wire as plain text; {FORMS}"));
                (true, 143)
            }
            _ => {
                faults.push(format!("the scheme is not one we know; {FORMS}"));
                (false, 993)
            }
        };
        let (userinfo, place) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (place, folder) = place.split_once('/').unwrap_or((place, ""));
        let (host, port) = split_place(place, port_default, &mut faults);
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let user = percent_decoded("user", user, &mut faults).unwrap_or_default();
        let password = percent_decoded("password", password, &mut faults).unwrap_or_default();
        let folder = percent_decoded("folder", folder, &mut faults).unwrap_or_default();
        if ServerName::try_from(host.clone()).is_err() {
            faults.push("the host is not a name or address".to_owned());
        }
        if user.is_empty() || password.is_empty() {
            faults.push(format!("user or password is missing; {FORMS}"));
        }
        if [&user, &password, &folder].iter().any(|text| text.contains(char::is_control)) {
            faults.push("user, password or folder holds a control character; remove it".to_owned());
        }
        if !faults.is_empty() {
            return Err(Error::invalid(format!("bounces.imap cannot be used: {}", faults.join("; also: "))));
        }
        let folder = if folder.is_empty() { "INBOX".to_owned() } else { folder };
        let ca_file = ca_file.map(Path::to_owned);
        Ok(Self { host, port, starttls, user, password, folder, done, ca_file })
    }
}

impl fmt::Display for ImapPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.host, self.port, self.folder)
    }
}

impl fmt::Debug for ImapPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImapPlace({self})")
    }
}

/// A mailbox that is being emptied.
pub struct ImapSession {
    session: Session<TlsStream<TcpStream>>,
    done: Done,
    can_move: bool,
    can_expunge_some: bool,
}

impl ImapSession {
    pub(super) async fn open(place: &ImapPlace) -> Result<Self> {
        let connector = trust::connector(place.ca_file.as_deref())?;
        let name = ServerName::try_from(place.host.clone())
            .map_err(|error| Error::invalid("the host of bounces.imap is not a name").because(error))?;
        let cannot = |what: &str| Error::unavailable(format!("{what} the IMAP server {place}"));
        let connecting = TcpStream::connect((place.host.as_str(), place.port));
        let tcp =
            within(ANSWER_MAX, connecting).await?.map_err(|error| cannot("cannot reach").because(error))?;
        let tcp = if place.starttls { start_tls(tcp).await? } else { tcp };
        let tls = within(ANSWER_MAX, connector.connect(name, tcp))
            .await?
            .map_err(|error| cannot("no trusted TLS with").because(error))?;
        let mut client = Client::new(tls);
        if !place.starttls {
            greeting(&mut client).await?;
        }
        let signed_in = within(ANSWER_MAX, client.login(&place.user, &place.password)).await?;
        let mut session = signed_in.map_err(|(error, _)| cannot("cannot sign in at").because(error))?;
        let capabilities = asked(session.capabilities()).await?;
        asked(session.select(&place.folder)).await?;
        Ok(Self {
            can_move: capabilities.has_str("MOVE"),
            can_expunge_some: capabilities.has_str("UIDPLUS"),
            session,
            done: place.done.clone(),
        })
    }

    pub(super) async fn batch(&mut self, skip: &HashSet<String>, limit: usize) -> Result<Vec<Letter>> {
        let query = if self.done == Done::Seen { "UNSEEN UNDELETED" } else { "UNDELETED" };
        let mut uids: Vec<u32> = asked(self.session.uid_search(query)).await?.into_iter().collect();
        uids.sort_unstable();
        let wanted: Vec<String> =
            uids.iter().map(u32::to_string).filter(|uid| !skip.contains(uid)).take(limit).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        // The beginning of each alone (RFC 9051 section 6.4.5): reports say first what matters.
        let items = format!("(UID BODY.PEEK[]<0.{MESSAGE_BYTES_MAX}>)");
        let fetched = within(BATCH_MAX, async {
            let answers = self.session.uid_fetch(wanted.join(","), items).await?;
            answers.try_collect::<Vec<_>>().await
        })
        .await?
        .map_err(refused)?;
        let letter = |fetch: &async_imap::types::Fetch| {
            let uid = fetch.uid?.to_string();
            let raw = fetch.body()?;
            let raw = raw[..raw.len().min(MESSAGE_BYTES_MAX)].to_vec();
            wanted.contains(&uid).then_some(Letter { id: uid, envelope_to: None, raw })
        };
        Ok(fetched.iter().filter_map(letter).collect())
    }

    pub(super) async fn done(&mut self, ids: &[String]) -> Result<()> {
        let set = ids.join(",");
        match self.done.clone() {
            Done::Seen => self.store(&set, "+FLAGS.SILENT (\\Seen)").await,
            Done::Delete => self.delete(&set).await,
            Done::Move(folder) => {
                if self.move_to(&set, &folder).await.is_err() {
                    // As a rule the folder is not there yet; if it is another reason, the second try tells it.
                    let _ = asked(self.session.create(&folder)).await;
                    self.move_to(&set, &folder).await?;
                }
                Ok(())
            }
        }
    }

    async fn move_to(&mut self, set: &str, folder: &str) -> Result<()> {
        if self.can_move {
            return asked(self.session.uid_mv(set, folder)).await;
        }
        asked(self.session.uid_copy(set, folder)).await?;
        self.delete(set).await
    }

    async fn delete(&mut self, set: &str) -> Result<()> {
        self.store(set, "+FLAGS.SILENT (\\Seen \\Deleted)").await?;
        within(ANSWER_MAX, async {
            if self.can_expunge_some {
                self.session.uid_expunge(set).await?.try_collect::<Vec<_>>().await.map(drop)
            } else {
                self.session.expunge().await?.try_collect::<Vec<_>>().await.map(drop)
            }
        })
        .await?
        .map_err(refused)
    }

    async fn store(&mut self, set: &str, flags: &str) -> Result<()> {
        within(ANSWER_MAX, async {
            self.session.uid_store(set, flags).await?.try_collect::<Vec<_>>().await.map(drop)
        })
        .await?
        .map_err(refused)
    }

    pub(super) async fn close(mut self) {
        let _ = timeout(Duration::from_secs(5), self.session.logout()).await;
    }
}

/// TLS before anything else is said (RFC 9051 section 6.2.1). What the server sent ahead is thrown away.
async fn start_tls(tcp: TcpStream) -> Result<TcpStream> {
    let mut client = Client::new(tcp);
    greeting(&mut client).await?;
    within(ANSWER_MAX, client.run_command_and_check_ok("STARTTLS", None)).await?.map_err(|error| {
        Error::unavailable("the IMAP server offers no STARTTLS; use imaps://").because(error)
    })?;
    Ok(client.into_inner())
}

async fn greeting<T>(client: &mut Client<T>) -> Result<()>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + fmt::Debug + Send,
{
    match within(ANSWER_MAX, client.read_response()).await? {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Error::unavailable("the IMAP server hung up at once")),
        Err(error) => Err(Error::unavailable("the IMAP server does not greet").because(error)),
    }
}

async fn asked<T>(answer: impl Future<Output = std::result::Result<T, ImapError>>) -> Result<T> {
    within(ANSWER_MAX, answer).await?.map_err(refused)
}

async fn within<T>(limit: Duration, answer: impl Future<Output = T>) -> Result<T> {
    timeout(limit, answer).await.map_err(|_| Error::unavailable("the IMAP server does not answer in time"))
}

fn refused(error: ImapError) -> Error {
    Error::unavailable(format!("the IMAP server refuses: {error}")).because(error)
}
