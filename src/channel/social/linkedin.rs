//! LinkedIn's Posts API, for a member or a company page. Written from its published documentation and tried against a server of its
//! shapes (`tests/it/story/linkedin_server.rs`): LinkedIn itself lets in approved applications alone. What it calls a post is an
//! article with its link as a card, so that each post's own tracked link is part of it.

use serde_json::{Value, json};

use super::{Posted, Request, Wire, deciding};
use crate::{
    channel::egress::{Answered, Egress, Host, Target},
    domain::{
        kernel::clock::UtcMs,
        social::{
            Content, Failure, Trouble,
            answer::{self, Kind},
            linkedin::{Author, Version, duplicate_of, is_own_host, is_post, little, made_ms},
        },
    },
};

/// What answers whose token it is (OpenID Connect).
const MEMBER_PATH: &str = "/v2/userinfo";
/// Roles of a page's people who may post in its name, in both spellings that the documentation has.
const ROLES: [&str; 4] =
    ["ADMINISTRATOR", "CONTENT_ADMINISTRATOR", "CONTENT_ADMIN", "DIRECT_SPONSORED_CONTENT_POSTER"];
/// A page's latest posts that are looked through for one of ours.
const LATEST: usize = 50;
/// Pages of roles that are asked for, and how many roles each has.
const ACL_PAGES_MAX: usize = 10;
const ACL_PAGE: usize = 100;
/// Most bytes of a page of posts.
const POSTS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most bytes of a page of roles.
const ACL_BYTES_MAX: usize = 512 * 1024;
/// Longest title and description of a card, in characters.
const TITLE_CHARS_MAX: usize = 400;
const DESCRIPTION_CHARS_MAX: usize = 4_000;
/// How often it is asked whether a picture is ready, a second apart.
const READY_TRIES: usize = 5;

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// In whose name is posted.
    pub author: Author,
    /// What people call it.
    pub name: String,
}

/// A client with one token.
#[derive(Clone, Copy)]
pub struct Linkedin<'e> {
    wire: Wire<'e>,
    token: &'e str,
    version: &'e Version,
}

impl<'e> Linkedin<'e> {
    /// For `server`, `https://host`. `wall_ms` is now by the wall clock.
    pub fn new(
        egress: &'e Egress,
        server: &'e str,
        (token, version): (&'e str, &'e Version),
        wall_ms: UtcMs,
    ) -> Self {
        Self { wire: Wire { egress, server, wall_ms }, token, version }
    }

    /// Whether LinkedIn answers here: to whoever has no token it says so.
    ///
    /// # Errors
    /// What kept us from knowing, or what else answers.
    pub async fn answers(&self) -> Result<(), Failure> {
        match self.get(MEMBER_PATH, super::BODY_BYTES_MAX).await {
            Ok(_) | Err(Failure { trouble: Trouble::Denied, .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Whether the token may post as `author`; without one, as whom it may: the member whose it is. A place for a picture is asked
    /// for and left empty: that needs what posting needs, in the version that posting speaks.
    ///
    /// # Errors
    /// `Denied` for a token that opens nothing, or not this account.
    pub async fn verify(&self, author: Option<&Author>) -> Result<Account, Failure> {
        let account = match author {
            Some(page @ Author::Organization(_)) => self.verify_page(page).await?,
            member => self.verify_member(member).await?,
        };
        self.begin_upload(&account.author).await?;
        Ok(account)
    }

    /// Sign in with LinkedIn (OpenID Connect), `userinfo`: `sub` is the member's id.
    async fn verify_member(&self, asked: Option<&Author>) -> Result<Account, Failure> {
        let json = self.get(MEMBER_PATH, super::BODY_BYTES_MAX).await?;
        let text = |key: &str| json[key].as_str().unwrap_or_default();
        let Ok(author) = Author::parse(&format!("urn:li:person:{}", text("sub"))) else {
            return Err(strange(
                "it answers without a member: is it LinkedIn, and has the token the scope openid?",
            ));
        };
        if let Some(asked) = asked.filter(|asked| **asked != author) {
            return Err(Failure::new(
                Trouble::Denied,
                format!("the token is that of {author}, not of {asked}"),
            ));
        }
        let name = text("name");
        let name = if name.is_empty() { author.to_string() } else { name.to_owned() };
        Ok(Account { author, name })
    }

    /// The pages that the token's member has a role in (`organizationAcls`), of which one must be `page`.
    async fn verify_page(&self, page: &Author) -> Result<Account, Failure> {
        let (urn, mut has_role) = (page.to_string(), false);
        for at in 0..ACL_PAGES_MAX {
            let path = format!(
                "/rest/organizationAcls?q=roleAssignee&state=APPROVED&start={}&count={ACL_PAGE}",
                at * ACL_PAGE
            );
            let json = self.get(&path, ACL_BYTES_MAX).await?;
            let Some(roles) = json["elements"].as_array() else {
                return Err(strange("it answers without roles: is it LinkedIn?"));
            };
            let is_page = |role: &&Value| {
                ["organization", "organizationTarget"].iter().any(|key| role[*key].as_str() == Some(&urn))
            };
            for role in roles.iter().filter(is_page) {
                has_role = true;
                if role["role"].as_str().is_some_and(|role| ROLES.contains(&role)) {
                    return Ok(Account { name: self.page_name(page).await, author: page.clone() });
                }
            }
            if roles.len() < ACL_PAGE {
                break;
            }
        }
        let why = if has_role {
            format!("the token's member may not post for {page}: make them an administrator of its content")
        } else {
            format!("the token's member has no role at {page}")
        };
        Err(Failure::new(Trouble::Denied, why))
    }

    /// What a page is called; its address where that is not told.
    async fn page_name(&self, page: &Author) -> String {
        let told = self.get(&format!("/rest/organizations/{}", page.id()), ACL_BYTES_MAX).await;
        let name = told.ok().and_then(|json| json["localizedName"].as_str().map(str::to_owned));
        name.filter(|name| !name.is_empty()).unwrap_or_else(|| page.to_string())
    }

    /// Uploads a picture (`initializeUpload`, then its bytes) and returns its address.
    ///
    /// # Errors
    /// What kept it; `Refused` where it has to be left out.
    pub async fn upload(&self, owner: &Author, png: &[u8]) -> Result<String, Failure> {
        let (to, image) = self.begin_upload(owner).await.map_err(left_out)?;
        self.put_bytes(&to, png).await.map_err(left_out)?;
        let path = format!("/rest/images/{}", image.replace(':', "%3A"));
        for _ in 0..READY_TRIES {
            // Where nobody says how it stands, the post will.
            let Ok(json) = self.get(&path, super::BODY_BYTES_MAX).await else { return Ok(image) };
            match json["status"].as_str().unwrap_or_default() {
                "AVAILABLE" => return Ok(image),
                "PROCESSING_FAILED" => {
                    return Err(Failure::new(Trouble::Refused, "it cannot read the picture"));
                }
                _ => tokio::time::sleep(std::time::Duration::from_secs(1)).await,
            }
        }
        Err(Failure::new(Trouble::Refused, "the picture is not ready in time"))
    }

    /// Where a picture of `owner` is to go, and its address then.
    async fn begin_upload(&self, owner: &Author) -> Result<(String, String), Failure> {
        let asked = json!({"initializeUploadRequest": {"owner": owner.to_string()}}).to_string();
        let answered =
            self.call("/rest/images?action=initializeUpload", asked.as_bytes(), Kind::Read).await?;
        let json = self.json(&answered, Kind::Read)?;
        let text = |key: &str| json["value"][key].as_str().unwrap_or_default().to_owned();
        let (to, image) = (text("uploadUrl"), text("image"));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
        if !image.starts_with("urn:li:image:") || !image.bytes().all(is_plain) {
            return Err(Failure::new(Trouble::Refused, "it takes no pictures"));
        }
        Ok((to, image))
    }

    /// The bytes go where LinkedIn says, with the token, so only to LinkedIn.
    async fn put_bytes(&self, to: &str, png: &[u8]) -> Result<(), Failure> {
        let target = |url: &str| self.wire.egress.target(url);
        let (Ok(there), Ok(here)) = (target(to), target(self.wire.server)) else {
            return Err(Failure::new(Trouble::Refused, "it names no place for the picture"));
        };
        if !is_of(&there, &here) {
            return Err(Failure::new(Trouble::Refused, "it names a place for the picture that is another's"));
        }
        let server = format!("{}://{}", if there.is_tls() { "https" } else { "http" }, there.authority());
        let wire = Wire { server: &server, ..self.wire };
        let request = Request {
            method: "PUT",
            path: there.path(),
            authorization: &format!("Bearer {}", self.token),
            content_type: "application/octet-stream",
            body: png,
            ..Request::default()
        };
        let answered = wire.ask(&request).await?;
        match answered.status {
            200..=299 => Ok(()),
            _ => self.json(&answered, Kind::Read).map(|_| ()),
        }
    }

    /// The post with `link` among a page's latest; None also where the token may not read them, as a member's never may.
    ///
    /// # Errors
    /// What kept us from knowing.
    pub async fn find(&self, author: &Author, link: &str) -> Result<Option<Posted>, Failure> {
        let Author::Organization(_) = author else { return Ok(None) };
        let author = author.to_string().replace(':', "%3A");
        let path = format!("/rest/posts?q=author&author={author}&count={LATEST}&sortBy=LAST_MODIFIED");
        let json = match self.get(&path, POSTS_BYTES_MAX).await {
            Ok(json) => json,
            Err(failure) if matches!(failure.status, Some(400 | 403 | 404)) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let all = json["elements"].as_array().map_or(&[][..], Vec::as_slice);
        let ours = all.iter().find(|post| post["content"]["article"]["source"].as_str() == Some(link));
        let urn = ours.and_then(|post| post["id"].as_str()).filter(|urn| is_post(urn));
        Ok(urn.map(|urn| posted(urn, true)))
    }

    /// Posts. A duplicate is ours if a try before may have arrived and it was made since `since_ms`, by the wall clock; without one,
    /// it is another's.
    ///
    /// # Errors
    /// What kept it.
    pub async fn post(
        &self,
        author: &Author,
        content: &Content,
        image: Option<&str>,
        since_ms: Option<UtcMs>,
    ) -> Result<Posted, Failure> {
        let body = body(author, content, image).to_string();
        let answered = self.call("/rest/posts", body.as_bytes(), Kind::Write).await?;
        if answered.status == 422
            && let Some(urn) = duplicate_of(&answered.body)
        {
            let is_ours = since_ms.is_some_and(|since_ms| made_ms(urn).is_none_or(|at_ms| at_ms >= since_ms));
            if is_ours {
                return Ok(posted(urn, true));
            }
            let why = format!("the account has a post with these words already: {}", link(urn));
            return Err(Failure { trouble: Trouble::Duplicate, status: Some(422), why });
        }
        let id = answered.header("x-restli-id").or_else(|| answered.header("x-linkedin-id"));
        let id = id.unwrap_or_default().replace("%3A", ":");
        if (200..300).contains(&answered.status) && is_post(&id) {
            return Ok(posted(&id, false));
        }
        self.json(&answered, Kind::Write)?;
        Err(Failure::new(Trouble::Uncertain, "it answers without the post's id"))
    }

    async fn call(&self, path: &str, body: &[u8], kind: Kind) -> Result<Answered, Failure> {
        let request = Request {
            method: "POST",
            path,
            authorization: &format!("Bearer {}", self.token),
            content_type: "application/json",
            body,
            headers: &[
                ("linkedin-version", &self.version.to_string()),
                ("x-restli-protocol-version", "2.0.0"),
            ],
            kind,
            ..Request::default()
        };
        self.wire.ask(&request).await
    }

    async fn get(&self, path: &str, body_bytes_max: usize) -> Result<Value, Failure> {
        let request = Request {
            path,
            authorization: &format!("Bearer {}", self.token),
            headers: &[
                ("linkedin-version", &self.version.to_string()),
                ("x-restli-protocol-version", "2.0.0"),
            ],
            body_bytes_max,
            ..Request::default()
        };
        self.json(&self.wire.ask(&request).await?, Kind::Read)
    }

    fn json(&self, answered: &Answered, kind: Kind) -> Result<Value, Failure> {
        answer::linkedin(&deciding(answered), kind, self.wire.wall_ms)
    }
}

/// Whether `there` belongs to whom `here` does: the same server, or both LinkedIn's.
fn is_of(there: &Target, here: &Target) -> bool {
    let linkedin = |target: &Target| matches!(target.host(), Host::Name(name) if is_own_host(name));
    there.is_tls() == here.is_tls()
        && (there.authority() == here.authority() || (linkedin(there) && linkedin(here)))
}

/// A picture is worth no post, and no account: what is refused of it is left out. Only a token that opens nothing is more.
fn left_out(failure: Failure) -> Failure {
    match failure.status {
        Some(400 | 403..=425) => Failure { trouble: Trouble::Refused, ..failure },
        _ => failure,
    }
}

fn strange(why: &str) -> Failure {
    Failure::new(Trouble::Busy { asked_ms: None, is_limit: false }, why)
}

fn link(urn: &str) -> String {
    format!("https://www.linkedin.com/feed/update/{urn}/")
}

fn posted(urn: &str, was_there: bool) -> Posted {
    Posted { uri: urn.to_owned(), cid: String::new(), url: link(urn), was_there }
}

/// A post as an article: words, and the link as a card.
fn body(author: &Author, content: &Content, image: Option<&str>) -> Value {
    let short = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let mut article = json!({"source": content.link, "title": short(&content.title, TITLE_CHARS_MAX)});
    let mut add = |key: &str, value: String| {
        if !value.is_empty() {
            article[key] = Value::from(value);
        }
    };
    add("description", short(&content.summary, DESCRIPTION_CHARS_MAX));
    if let Some(image) = image {
        add("thumbnail", image.to_owned());
        add("thumbnailAltText", content.alt.clone());
    }
    json!({
        "author": author.to_string(),
        "commentary": little(&content.text),
        "visibility": "PUBLIC",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "content": {"article": article},
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_an_article_in_little_text() {
        let content = Content {
            text: "Three (of three) #Restore".to_owned(),
            link: "https://cast.example/t/1".to_owned(),
            title: "A title (whole)".to_owned(),
            alt: "A tick".to_owned(),
            ..Content::default()
        };
        let body = body(&Author::Organization("7".to_owned()), &content, Some("urn:li:image:C4"));
        assert_eq!(body["author"], "urn:li:organization:7");
        assert_eq!(body["commentary"], "Three \\(of three\\) {hashtag|\\#|Restore}");
        assert_eq!(body["content"]["article"]["title"], "A title (whole)", "titles are no little text");
        assert_eq!(body["content"]["article"]["thumbnail"], "urn:li:image:C4");
        assert_eq!(body["content"]["article"]["source"], content.link);
    }

    #[test]
    fn a_picture_goes_with_the_token_to_linkedin_alone() {
        let target = |url: &str| Target::parse(url).unwrap();
        let api = target("https://api.linkedin.com");
        for good in ["https://www.linkedin.com/dms-uploads/x", "https://api.linkedin.com/x"] {
            assert!(is_of(&target(good), &api), "{good}");
        }
        for bad in
            ["http://www.linkedin.com/x", "https://linkedin.com.evil.example/x", "https://notlinkedin.com/x"]
        {
            assert!(!is_of(&target(bad), &api), "{bad}");
        }
        assert!(!is_of(&target("https://www.linkedin.com/x"), &target("https://proxy.example")));
    }
}
