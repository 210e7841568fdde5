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
    look::{Fault, LOOK_STEP_MAX, Looked, Step},
};
use crate::{
    channel::certificate,
    domain::kernel::{Error, Result, clock::UtcMs},
};

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

impl ImapPlace {
    /// Name or address of the server.
    pub fn host(&self) -> &str {
        &self.host
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
        let Entered { mut session, .. } = enter(place, ANSWER_MAX).await.map_err(|(_, error)| error)?;
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
        let found = asked(self.session.uid_search(waits(&self.done))).await?;
        let mut uids: Vec<u32> = found.into_iter().collect();
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

/// A connection that is signed in, with no mailbox chosen.
struct Entered {
    session: Session<TlsStream<TcpStream>>,
    certificate_ends_ms: Option<UtcMs>,
}

/// Connects, secures and signs in, with at most `limit` for each answer; says at which step it failed.
async fn enter(place: &ImapPlace, limit: Duration) -> std::result::Result<Entered, (Step, Error)> {
    let at = |step: Step| move |error: Error| (step, error);
    let cannot = |what: &str| Error::unavailable(format!("{what} the IMAP server {place}"));
    let connector = trust::connector(place.ca_file.as_deref()).map_err(at(Step::Tls))?;
    let name = ServerName::try_from(place.host.clone()).map_err(|error| {
        (Step::Reach, Error::invalid("the host of bounces.imap is not a name").because(error))
    })?;
    let connecting = TcpStream::connect((place.host.as_str(), place.port));
    let tcp = within(limit, connecting).await.map_err(at(Step::Reach))?;
    let tcp = tcp.map_err(|error| (Step::Reach, cannot("cannot reach").because(error)))?;
    let tcp = if place.starttls { start_tls(tcp, limit).await.map_err(at(Step::Tls))? } else { tcp };
    let tls = within(limit, connector.connect(name, tcp)).await.map_err(at(Step::Tls))?;
    let tls = tls.map_err(|error| (Step::Tls, cannot("no trusted TLS with").because(error)))?;
    let first = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate_ends_ms = first.and_then(|der| certificate::not_after_ms(der));
    let mut client = Client::new(tls);
    if !place.starttls {
        greeting(&mut client, limit).await.map_err(at(Step::Reach))?;
    }
    let signed_in = within(limit, client.login(&place.user, &place.password)).await;
    match signed_in.map_err(at(Step::SignIn))? {
        Ok(session) => Ok(Entered { session, certificate_ends_ms }),
        Err((error, _)) => Err((Step::SignIn, cannot("cannot sign in at").because(said(error)))),
    }
}

/// Looks at the mailbox as [`ImapSession::open`] finds it, and leaves it exactly as it is: it is examined, not selected
/// (RFC 9051 section 6.3.3).
pub(super) async fn look(place: &ImapPlace) -> std::result::Result<Looked, Fault> {
    let fault = |(step, error): (Step, Error)| Fault { step, why: error.detail() };
    let Entered { mut session, certificate_ends_ms } = enter(place, LOOK_STEP_MAX).await.map_err(fault)?;
    let looked = async {
        asked(session.examine(&place.folder)).await.map_err(|error| (Step::Folder, error))?;
        let waiting = asked(session.uid_search(waits(&place.done))).await;
        let waiting = waiting.map_err(|error| (Step::Folder, error))?.len();
        let will_make = match &place.done {
            Done::Move(folder) if asked(session.status(folder, "(MESSAGES)")).await.is_err() => {
                Some(folder.clone())
            }
            _ => None,
        };
        Ok(Looked { waiting, certificate_ends_ms, will_make })
    };
    // Each answer has its limit; this one is for all of them.
    let looked = within(LOOK_STEP_MAX * 3, looked).await.map_err(|error| (Step::Folder, error));
    let _ = timeout(Duration::from_secs(2), session.logout()).await;
    looked.and_then(|looked| looked).map_err(fault)
}

/// The search for what is not recorded yet.
fn waits(done: &Done) -> &'static str {
    if *done == Done::Seen { "UNSEEN UNDELETED" } else { "UNDELETED" }
}

/// TLS before anything else is said (RFC 9051 section 6.2.1). What the server sent ahead is thrown away.
async fn start_tls(tcp: TcpStream, limit: Duration) -> Result<TcpStream> {
    let mut client = Client::new(tcp);
    greeting(&mut client, limit).await?;
    within(limit, client.run_command_and_check_ok("STARTTLS", None)).await?.map_err(|error| {
        Error::unavailable("the IMAP server offers no STARTTLS; use imaps://").because(error)
    })?;
    Ok(client.into_inner())
}

async fn greeting<T>(client: &mut Client<T>, limit: Duration) -> Result<()>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + fmt::Debug + Send,
{
    match within(limit, client.read_response()).await? {
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
    Error::unavailable("the IMAP server refuses").because(said(error))
}

/// The server's own words, where it said no; the library wraps them in its debugging form.
fn said(error: ImapError) -> Box<dyn std::error::Error + Send + Sync> {
    let (ImapError::No(text) | ImapError::Bad(text)) = &error else { return error.into() };
    let words = text.split_once("info: Some(\"").and_then(|(_, rest)| rest.rsplit_once("\")"));
    words.map_or(text.as_str(), |(words, _)| words).into()
}
