//! What X's API wants said in its own way: the text of a post, and the tokens of an account, of which the access token lives for two
//! hours and the refresh token may be used once.
//!
//! Written from its published documentation (API v2, OAuth 2.0 with PKCE); X cannot be reached from where this is built.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Content;
use crate::domain::kernel::{
    Error, Result,
    clock::{MINUTE_MS, UtcMs},
};

/// Where the API is.
pub const SERVER: &str = "https://api.x.com";
/// How long before its end an access token is renewed.
const EARLY_MS: i64 = 5 * MINUTE_MS;
/// Longest token, in characters.
const TOKEN_CHARS_MAX: usize = 2_000;

/// Whether a host, in lower case, is X's own: nobody else is to have a token of it.
pub fn is_own_host(name: &str) -> bool {
    ["x.com", "twitter.com"]
        .iter()
        .any(|own| name.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// The words of a post with its link: X has no card of its own beside them. One line end, as lengths are checked with.
pub fn text(content: &Content) -> String {
    format!("{}\n{}", content.text, content.link)
}

/// Whether `id` is one of a post's or an account's: it becomes a part of addresses.
pub fn is_id(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The tokens of an account, with the application that they were given to. Has no `Debug`: nobody is to see them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Opens the API.
    pub access: String,
    /// Makes the next two; each may be used once.
    pub refresh: String,
    /// Which application's.
    pub client_id: String,
    /// What a confidential application proves itself with; empty for a public one.
    pub client_secret: String,
    /// When the access token ends by the wall clock, where that is known.
    pub ends_ms: Option<UtcMs>,
}

impl Tokens {
    /// What people paste: the answer of X's token endpoint as it came, or access token and refresh token with a blank between them,
    /// and the client secret after another. `client_id` is which application's.
    ///
    /// # Errors
    /// `Invalid` with every fault.
    pub fn parse(pasted: &str, client_id: &str) -> Result<Self> {
        let pasted = pasted.trim();
        let tokens = if pasted.starts_with('{') { Self::of_json(pasted)? } else { Self::of_words(pasted)? };
        let client_id = client_id.trim();
        let tokens =
            if client_id.is_empty() { tokens } else { Self { client_id: client_id.to_owned(), ..tokens } };
        let mut faults = Vec::new();
        if tokens.access.is_empty() || tokens.refresh.is_empty() {
            faults.push(
                "X's access tokens live for two hours, so the refresh token is needed too (scope offline.access): paste the answer \
                 of its token endpoint in one line, or access token and refresh token with a blank between them",
            );
        }
        if tokens.client_id.is_empty() {
            faults.push("say to which application at X the tokens were given: its client id");
        }
        let is_plain = |token: &String| {
            token.len() <= TOKEN_CHARS_MAX && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let all = [&tokens.access, &tokens.refresh, &tokens.client_id, &tokens.client_secret];
        if !all.into_iter().all(is_plain) {
            faults.push("a token or client id has 2000 visible ASCII characters at most");
        }
        if faults.is_empty() { Ok(tokens) } else { Err(Error::invalid(faults.join("; "))) }
    }

    fn of_json(pasted: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(pasted).map_err(|_| {
            Error::invalid("what was pasted begins as JSON and is none; paste X's answer whole, in one line")
        })?;
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
            ends_ms: None,
        })
    }

    fn of_words(pasted: &str) -> Result<Self> {
        let words: Vec<&str> = pasted.split_whitespace().collect();
        if words.len() > 3 {
            return Err(Error::invalid(
                "more than three words were pasted; write access token, refresh token and, for a confidential application, its client \
                 secret",
            ));
        }
        let word = |at: usize| words.get(at).copied().unwrap_or_default().to_owned();
        Ok(Self {
            access: word(0),
            refresh: word(1),
            client_id: String::new(),
            client_secret: word(2),
            ends_ms: None,
        })
    }

    /// What X's answer makes of them: new ones, in whose place the old refresh token opens nothing more.
    pub fn renewed(&self, answer: &Value, wall_ms: UtcMs) -> Option<Self> {
        let text = |key: &str| answer[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let lives_ms = answer["expires_in"].as_i64().and_then(|seconds| seconds.checked_mul(1_000));
        Some(Self {
            access: text("access_token")?,
            // Who gives no new one lets the old one live.
            refresh: text("refresh_token").unwrap_or_else(|| self.refresh.clone()),
            ends_ms: lives_ms
                .filter(|lives_ms| *lives_ms > 0)
                .map(|lives_ms| wall_ms.saturating_add(lives_ms)),
            ..self.clone()
        })
    }

    /// Whether the access token is over, or nearly.
    pub fn is_over(&self, wall_ms: UtcMs) -> bool {
        self.ends_ms.is_some_and(|ends_ms| wall_ms >= ends_ms - EARLY_MS)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(pasted: &str, client_id: &str) -> String {
        Tokens::parse(pasted, client_id).err().map(|error| error.public().to_owned()).unwrap_or_default()
    }

    #[test]
    fn hosts_are_compared_by_whole_names() {
        assert!(is_own_host("api.x.com") && is_own_host("x.com") && is_own_host("api.twitter.com"));
        assert!(!is_own_host("netflix.com") && !is_own_host("x.com.evil.example") && !is_own_host("x.co"));
    }

    #[test]
    fn tokens_are_pasted_as_x_gives_them_or_as_words() {
        let pasted = r#"{"token_type":"bearer","expires_in":7200,"access_token":"a1","scope":"tweet.write offline.access","refresh_token":"r1"}"#;
        let tokens = Tokens::parse(pasted, "c1").unwrap();
        assert!(tokens.access == "a1" && tokens.refresh == "r1" && tokens.client_id == "c1");
        assert!(tokens.client_secret.is_empty() && tokens.ends_ms.is_none(), "nobody says when it was given");
        assert!(Tokens::parse(" a1  r1 ", "c1").unwrap() == tokens);
        assert!(Tokens::parse("a1 r1 s1", "c1").unwrap().client_secret == "s1");
        for (pasted, client_id, told) in [
            ("a1", "c1", "refresh token is needed"),
            ("", "", "client id"),
            ("a1 r1", "", "client id"),
            ("a b c d", "c1", "more than three"),
            ("{\"access_token\":", "c1", "in one line"),
            ("a1 rü", "c1", "ASCII"),
        ] {
            let fault = fault(pasted, client_id);
            assert!(fault.contains(told), "{pasted}: {fault}");
            assert!(pasted.is_empty() || !fault.contains(pasted), "and nothing of them is shown: {fault}");
        }
    }

    #[test]
    fn new_tokens_take_the_place_of_old_ones() {
        let old = Tokens::parse("a1 r1 s1", "c1").unwrap();
        assert!(!old.is_over(i64::MAX / 2), "it is tried");
        let new = old
            .renewed(&json!({"access_token": "a2", "refresh_token": "r2", "expires_in": 7200}), 1_000)
            .unwrap();
        assert!(new.access == "a2" && new.refresh == "r2" && new.client_secret == "s1");
        assert!(!new.is_over(1_000) && new.is_over(1_000 + 7_200_000 - EARLY_MS));
        assert!(old.renewed(&json!({"access_token": "a2"}), 0).unwrap().refresh == "r1");
        assert!(old.renewed(&json!({"refresh_token": "r2"}), 0).is_none());
    }

    #[test]
    fn ids_are_numbers() {
        assert!(
            is_id("1445880548472328192") && !is_id("") && !is_id("1/2") && !is_id("123456789012345678901")
        );
    }
}
