//! What chat rooms are told: their incoming webhooks take a text in a shape of their own, to an address that is a secret.
//!
//! Shapes: Slack "Sending messages using incoming webhooks" and "Formatting text" (`&`, `<` and `>` are written as entities);
//! Mattermost "Incoming webhooks"; Discord "Execute webhook" (2,000 characters; `allowed_mentions`); Teams "Create incoming
//! webhooks with Workflows" (an Adaptive Card 1.4). Words of ours are in English, as the console is.

use serde_json::{Value, json};

use super::EventKind;

/// Longest value of a fact, in characters.
const VALUE_CHARS_MAX: usize = 120;
/// Most facts of a message.
const FACTS_MAX: usize = 8;

/// A chat system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chat {
    /// Slack.
    Slack,
    /// Mattermost.
    Mattermost,
    /// Discord.
    Discord,
    /// Microsoft Teams, by a workflow.
    Teams,
}

impl Chat {
    /// All of them, as they are listed.
    pub const ALL: [Self; 4] = [Self::Slack, Self::Teams, Self::Mattermost, Self::Discord];

    /// The word for an endpoint's format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Mattermost => "mattermost",
            Self::Discord => "discord",
            Self::Teams => "teams",
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slack => "Slack",
            Self::Mattermost => "Mattermost",
            Self::Discord => "Discord",
            Self::Teams => "Microsoft Teams",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|chat| chat.as_str() == word)
    }

    /// The body that says `said` in a room.
    pub fn body(self, said: &Said) -> String {
        let body = match self {
            Self::Slack => json!({ "text": slack(said) }),
            Self::Mattermost => json!({ "text": markdown(said) }),
            // Nothing in it calls anybody.
            Self::Discord => json!({ "content": markdown(said), "allowed_mentions": { "parse": [] } }),
            Self::Teams => teams(said),
        };
        body.to_string()
    }
}

/// What is said of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What happened, in a sentence.
    pub says: String,
    /// What is known of it: `partner`, `northlight`.
    pub facts: Vec<(String, String)>,
    /// Where to look at it.
    pub link: Option<String>,
}

impl Said {
    /// What a message's `payload` says, for a room of the vendor's (`is_vendors`) or of a partner, whose people open other pages
    /// at `base_url`. Nothing for what is no message of ours.
    pub fn of(payload: &str, base_url: &str, is_vendors: bool) -> Option<Self> {
        let message: Value = serde_json::from_str(payload).ok()?;
        let kind = EventKind::parse(message["type"].as_str()?)?;
        let data = message["data"].as_object()?;
        let text = |key: &str| data.get(key).and_then(Value::as_str);
        let says = match kind {
            EventKind::EndpointVerification => {
                "From now on partnercast tells this room what happens.".to_owned()
            }
            EventKind::EndpointTest => text("message")?.to_owned(),
            kind => kind.says().split("; ").next().unwrap_or_default().trim_end_matches('.').to_owned() + ".",
        };
        let is_about = |key: &str| !key.ends_with("_id") && !matches!(key, "challenge" | "message");
        let facts = data.iter().filter(|(key, _)| is_about(key));
        let facts = facts.filter_map(|(key, value)| Some((key.replace('_', " "), short(&words(value)?))));
        let page = |area: &str, key: &str| Some(format!("{base_url}{area}/{}", text(key)?));
        let link = match kind.group() {
            "lead" if is_vendors => page("/console/leads", "lead_id"),
            "lead" => page("/desk/leads", "lead_id"),
            "issue" if is_vendors => page("/console/issues", "issue_id"),
            "asset" if is_vendors => page("/console/content", "asset"),
            _ => None,
        };
        // Who was erased has no page, and what is withdrawn neither.
        let link = link.filter(|_| !matches!(kind, EventKind::LeadErased | EventKind::AssetWithdrawn));
        Some(Self { says, facts: facts.take(FACTS_MAX).collect(), link })
    }
}

/// A value in words; nothing for what says nothing.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Value::Array(all) => {
            let all: Vec<String> = all.iter().filter_map(words).collect();
            (!all.is_empty()).then(|| all.join(", "))
        }
        Value::Null | Value::Object(_) => None,
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn slack(said: &Said) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut text = format!("*{}*", escaped(&said.says));
    for (name, value) in &said.facts {
        text.push_str(&format!("\n{}: {}", escaped(name), escaped(value)));
    }
    if let Some(link) = &said.link {
        text.push_str(&format!("\n<{}|Open>", escaped(link)));
    }
    text
}

/// Values stand in code, in which neither emphasis nor a mention means anything.
fn markdown(said: &Said) -> String {
    let mut text = format!("**{}**", said.says);
    for (name, value) in &said.facts {
        text.push_str(&format!("\n{name}: `{}`", value.replace('`', "'")));
    }
    if let Some(link) = &said.link {
        text.push_str(&format!("\n[Open]({link})"));
    }
    text
}

fn teams(said: &Said) -> Value {
    // Cards read a little Markdown; a link is none that we did not put there.
    let plain = |text: &str| text.replace('[', "\\[").replace(']', "\\]");
    let facts: Vec<Value> =
        said.facts.iter().map(|(name, value)| json!({ "title": name, "value": plain(value) })).collect();
    let mut body =
        vec![json!({ "type": "TextBlock", "text": plain(&said.says), "weight": "Bolder", "wrap": true })];
    if !facts.is_empty() {
        body.push(json!({ "type": "FactSet", "facts": facts }));
    }
    let actions: Vec<Value> = said
        .link
        .iter()
        .map(|link| json!({ "type": "Action.OpenUrl", "title": "Open", "url": link }))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
                "actions": actions,
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: &str = r#"{"type": "lead.accepted", "timestamp": "2027-01-12T08:00:00.000Z", "data": {"lead_id": "led_1",
        "partner": "northlight", "stage": "sal", "previous_stage": "offered", "reason": null, "asset": "whitepapers/a"}}"#;

    fn body(chat: Chat, payload: &str) -> Value {
        let said = Said::of(payload, "https://p.example", true).unwrap();
        serde_json::from_str(&chat.body(&said)).unwrap()
    }

    #[test]
    fn an_event_is_a_sentence_what_is_known_and_a_page() {
        let said = Said::of(ACCEPTED, "https://p.example", true).unwrap();
        assert_eq!(said.says, "A lead was accepted and has an owner.");
        let facts: Vec<String> = said.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            facts,
            ["asset=whitepapers/a", "partner=northlight", "previous stage=offered", "stage=sal"]
        );
        assert_eq!(said.link.as_deref(), Some("https://p.example/console/leads/led_1"));
        let partners = Said::of(ACCEPTED, "https://p.example", false).unwrap();
        assert_eq!(partners.link.as_deref(), Some("https://p.example/desk/leads/led_1"));
        assert_eq!(Said::of("[]", "", true), None);
    }

    #[test]
    fn every_event_of_the_catalogue_can_be_said_and_fits() {
        for kind in EventKind::ALL {
            let schema: Value = serde_json::from_str(kind.schema()).unwrap();
            for chat in Chat::ALL {
                let body = body(chat, &schema["examples"][0].to_string()).to_string();
                assert!(body.chars().count() < 2_000, "{}: {body}", kind.as_str());
                assert!(!body.contains("whc_"), "a challenge is for programs: {body}");
            }
        }
    }

    #[test]
    fn each_system_gets_its_own_shape() {
        let open = "https://p.example/console/leads/led_1";
        let slack = body(Chat::Slack, ACCEPTED);
        assert!(slack["text"].as_str().unwrap().starts_with("*A lead was accepted and has an owner.*\n"));
        assert!(slack["text"].as_str().unwrap().ends_with(&format!("<{open}|Open>")));
        let mattermost = body(Chat::Mattermost, ACCEPTED);
        assert!(mattermost["text"].as_str().unwrap().ends_with(&format!("[Open]({open})")));
        let discord = body(Chat::Discord, ACCEPTED);
        assert!(discord["content"].is_string() && discord["allowed_mentions"]["parse"] == json!([]));
        let teams = &body(Chat::Teams, ACCEPTED)["attachments"][0]["content"];
        assert_eq!((&teams["type"], &teams["actions"][0]["url"]), (&json!("AdaptiveCard"), &json!(open)));
        assert_eq!(teams["body"][1]["facts"][1], json!({ "title": "partner", "value": "northlight" }));
    }

    #[test]
    fn nobody_is_called_and_nothing_is_marked_up_by_a_title() {
        let released = |title: &str| {
            json!({ "type": "issue.released", "data": { "issue_id": "iss_1", "title": title } }).to_string()
        };
        let title = "<!channel> @everyone `x` [y](https://evil.example)";
        let slack = body(Chat::Slack, &released(title))["text"].to_string();
        assert!(slack.contains("&lt;!channel&gt;") && !slack.contains("<!"), "{slack}");
        let mattermost = body(Chat::Mattermost, &released(title))["text"].to_string();
        assert!(mattermost.contains("`<!channel> @everyone 'x' [y](https://evil.example)`"), "{mattermost}");
        let teams = body(Chat::Teams, &released(title)).to_string();
        assert!(!teams.contains(" [y]("), "{teams}");
    }
}
