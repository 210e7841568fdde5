//! Connecting an account by its own server's sign-in: OAuth 2.0 with an authorization code (RFC 6749 section 4.1) and PKCE
//! (RFC 7636), so that nobody hands us a password or a token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::{
    content::merge::percent_encoded,
    kernel::{
        Error, Random, Result,
        clock::{DAY_MS, UtcMs},
    },
};

/// What we ask to be allowed at a server of the Mastodon API: to know whose account it is, to look for our own posts, to post.
pub const SCOPES: &str = "read:accounts read:statuses write:statuses write:media";
/// How long an invitation may be followed.
pub const LIFETIME_MS: i64 = 3 * DAY_MS;
/// Bytes of randomness in a verifier; RFC 7636 section 4.1 wants 32.
const VERIFIER_BYTES: usize = 32;

/// What whoever follows a link may do: connect one account at one server for one partner.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The partner's slug.
    pub partner: String,
    /// `https://host`
    pub server: String,
    /// Our application there.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// What proves that whoever brings the code is who asked for it.
    pub verifier: String,
    /// What is done with what is new; nothing for the usual.
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

    /// The server's page on which its account's owner lets us in; from there they come back to `redirect_uri` with `state`.
    pub fn page(&self, redirect_uri: &str, state: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()));
        let query: Vec<String> = [
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", SCOPES),
            ("state", state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]
        .iter()
        .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
        .collect();
        format!("{}/oauth/authorize?{}", self.server, query.join("&"))
    }
}

/// A verifier (RFC 7636 section 4.1).
pub fn verifier(random: &dyn Random) -> String {
    let mut bytes = [0; VERIFIER_BYTES];
    random.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::{Kind, random::SeededRandom};

    fn invitation() -> Invitation {
        Invitation {
            partner: "northlight".into(),
            server: "https://social.example".into(),
            client_id: "app&1".into(),
            client_secret: "hush".into(),
            // RFC 7636, appendix B.
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(),
            mode: String::new(),
            by: "ana".into(),
            ends_ms: LIFETIME_MS,
        }
    }

    #[test]
    fn the_page_asks_for_what_we_need_and_holds_no_secret() {
        let page = invitation().page("https://cast.example/connect", "a.b-_");
        assert_eq!(
            page,
            "https://social.example/oauth/authorize?response_type=code&client_id=app%261\
             &redirect_uri=https%3A%2F%2Fcast.example%2Fconnect\
             &scope=read%3Aaccounts%20read%3Astatuses%20write%3Astatuses%20write%3Amedia&state=a.b-_\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
        assert!(!page.contains("hush") && !page.contains("dBjft"));
        assert!(!format!("{:?}", invitation()).contains("hush"));
    }

    #[test]
    fn it_ends() {
        assert!(invitation().check(LIFETIME_MS - 1).is_ok());
        assert_eq!(invitation().check(LIFETIME_MS).unwrap_err().kind(), Kind::Conflict);
        let random = SeededRandom::new(1);
        assert_eq!(verifier(&random).len(), 43);
        assert_ne!(verifier(&random), verifier(&random));
    }
}
