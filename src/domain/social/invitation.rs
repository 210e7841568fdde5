//! Connecting an account by its own server's sign-in: OAuth 2.0 with an authorization code (RFC 6749 section 4.1) and PKCE
//! (RFC 7636), so that nobody hands us a password or a token.
//!
//! An [`Invitation`] is given to people and lasts for days; a [`Visit`] is one browser's way to the server and back, and ends within
//! minutes (RFC 9700 sections 2.1 and 2.1.1 ask for a state and a verifier for each).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::domain::{
    content::merge::percent_encoded,
    kernel::{
        Error, Random, Result,
        clock::{DAY_MS, MINUTE_MS, UtcMs},
    },
};

/// What we ask to be allowed at a server of the Mastodon API: to know whose account it is, to look for our own posts, to post.
pub const SCOPES: &str = "read:accounts read:statuses write:statuses write:media";
/// How long an invitation may be followed.
pub const LIFETIME_MS: i64 = 3 * DAY_MS;
/// How long a visit to the server may take.
pub const VISIT_MS: i64 = 30 * MINUTE_MS;

/// What whoever follows a link may do: connect one account at one server for one partner, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Its own name, which stands in the address to which the server sends people back: each application has one of its own, so
    /// that a server cannot pass off its answer as another's (RFC 9700 section 4.4).
    pub id: String,
    /// The partner's slug.
    pub partner: String,
    /// `https://host`
    pub server: String,
    /// Our application there.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// What is done with what is new, in an account that is new; nothing for the usual.
    pub mode: String,
    /// Who made it.
    pub by: String,
    /// Until when it may be followed.
    pub ends_ms: UtcMs,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invitation({} at {} until {}, redacted)", self.partner, self.server, self.ends_ms)
    }
}

impl Invitation {
    /// Whether it may still be followed.
    ///
    /// # Errors
    /// `Conflict`, with what to do, once its time is over.
    pub fn check(&self, now_ms: UtcMs) -> Result<()> {
        if now_ms < self.ends_ms {
            return Ok(());
        }
        Err(Error::conflict("this link has ended: ask whoever sent it for a new one"))
    }
}

/// One browser's way to the server and back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// By which it began.
    pub invitation: Invitation,
    /// What proves that whoever brings the code is who asked for it: 32 random bytes in base64url (RFC 7636 section 4.1).
    pub verifier: String,
    /// What proves that the answer is to this visit.
    pub state: String,
    /// Until when the browser is to be back.
    pub ends_ms: UtcMs,
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Visit({:?} until {}, redacted)", self.invitation, self.ends_ms)
    }
}

/// What a server sends back with somebody, besides its code or its refusal.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Which invitation's address it came to.
    pub id: &'a str,
    /// Our own word.
    pub state: &'a str,
    /// Who says that it answers, where it does (RFC 9207).
    pub issuer: Option<&'a str>,
}

impl Visit {
    /// Begins one.
    pub fn begin(invitation: Invitation, now_ms: UtcMs, random: &dyn Random) -> Self {
        let ends_ms = (now_ms + VISIT_MS).min(invitation.ends_ms);
        Self { invitation, verifier: random.word(), state: random.word(), ends_ms }
    }

    /// Whether a browser that is on it and follows the link again may go on with it: its server's page may be open in another
    /// window.
    pub fn goes_on(&self, invitation: &Invitation, now_ms: UtcMs) -> bool {
        self.invitation == *invitation && now_ms < self.ends_ms - VISIT_MS / 2
    }

    /// The server's page on which its account's owner lets us in; from there they come back to `redirect_uri`.
    pub fn page(&self, redirect_uri: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()));
        let query: Vec<String> = [
            ("response_type", "code"),
            ("client_id", &self.invitation.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", SCOPES),
            ("state", &self.state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .iter()
        .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
        .collect();
        format!("{}/oauth/authorize?{}", self.invitation.server, query.join("&"))
    }

    /// Whether `answer` is the one to this visit.
    ///
    /// # Errors
    /// `Invalid` for another's, another server's, or one that comes too late.
    pub fn check(&self, answer: Answer<'_>, now_ms: UtcMs) -> Result<()> {
        let is_same = |a: &str, b: &str| bool::from(a.as_bytes().ct_eq(b.as_bytes()));
        let is_ours = is_same(answer.id, &self.invitation.id) && is_same(answer.state, &self.state);
        if !is_ours || now_ms >= self.ends_ms {
            return Err(no_visit());
        }
        // Mastodon writes its name with a slash at the end.
        let is_issuer = |issuer: &str| issuer.strip_suffix('/').unwrap_or(issuer) == self.invitation.server;
        match answer.issuer {
            Some(issuer) if !is_issuer(issuer) => Err(Error::invalid(format!(
                "{} was asked, and another server answers: nothing was connected; tell whoever sent you the link",
                self.invitation.server
            ))),
            _ => Ok(()),
        }
    }
}

/// Of somebody who comes back from nowhere.
pub fn no_visit() -> Error {
    Error::invalid(
        "this sign-in began in another browser, or more than half an hour ago: follow the link that you were sent again, in this \
         browser",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::{Kind, random::SeededRandom};

    fn invitation() -> Invitation {
        Invitation {
            id: "inv".into(),
            partner: "northlight".into(),
            server: "https://social.example".into(),
            client_id: "app&1".into(),
            client_secret: "hush".into(),
            mode: String::new(),
            by: "ana".into(),
            ends_ms: LIFETIME_MS,
        }
    }

    fn visit() -> Visit {
        Visit {
            invitation: invitation(),
            // RFC 7636, appendix B.
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(),
            state: "a.b-_".into(),
            ends_ms: VISIT_MS,
        }
    }

    #[test]
    fn the_page_asks_for_what_we_need_and_holds_no_secret() {
        let page = visit().page("https://cast.example/connect/back/inv");
        assert_eq!(
            page,
            "https://social.example/oauth/authorize?response_type=code&client_id=app%261\
             &redirect_uri=https%3A%2F%2Fcast.example%2Fconnect%2Fback%2Finv\
             &scope=read%3Aaccounts%20read%3Astatuses%20write%3Astatuses%20write%3Amedia&state=a.b-_\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
        assert!(!page.contains("hush") && !page.contains("dBjft"));
        assert!(!format!("{:?}", visit()).contains("hush") && !format!("{:?}", visit()).contains("dBjft"));
    }

    #[test]
    fn an_answer_belongs_to_one_visit() {
        let good = Answer { id: "inv", state: "a.b-_", issuer: None };
        assert!(visit().check(good, VISIT_MS - 1).is_ok());
        assert!(visit().check(Answer { issuer: Some("https://social.example/"), ..good }, 0).is_ok());
        for (bad, at_ms) in [
            (good, VISIT_MS),
            (Answer { id: "other", ..good }, 0),
            (Answer { state: "", ..good }, 0),
            (Answer { state: "a.b-", ..good }, 0),
            (Answer { issuer: Some("https://other.example"), ..good }, 0),
            (Answer { issuer: Some(""), ..good }, 0),
        ] {
            assert_eq!(visit().check(bad, at_ms).unwrap_err().kind(), Kind::Invalid, "{bad:?}");
        }
    }

    #[test]
    fn each_visit_has_words_of_its_own_and_no_more_time_than_its_invitation() {
        assert!(invitation().check(LIFETIME_MS - 1).is_ok());
        assert_eq!(invitation().check(LIFETIME_MS).unwrap_err().kind(), Kind::Conflict);
        let random = SeededRandom::new(1);
        let (first, second) =
            (Visit::begin(invitation(), 0, &random), Visit::begin(invitation(), 0, &random));
        assert!(first.verifier.len() == 43 && first.verifier != first.state);
        assert!(first.verifier != second.verifier && first.state != second.state);
        assert_eq!(
            (first.ends_ms, Visit::begin(invitation(), LIFETIME_MS - 1, &random).ends_ms),
            (VISIT_MS, LIFETIME_MS)
        );
        assert!(
            first.goes_on(&invitation(), VISIT_MS / 2 - 1) && !first.goes_on(&invitation(), VISIT_MS / 2)
        );
        assert!(!first.goes_on(&Invitation { id: "other".into(), ..invitation() }, 0));
    }
}
