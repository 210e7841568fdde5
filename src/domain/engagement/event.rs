//! The kinds of events.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::content::rules::ScoreEvent;

/// What was done. There is no "opened": a mail program's image fetch says nothing about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Followed a tracked link.
    Click,
    /// Looked at one of our pages.
    PageView,
    /// Kept one of our pages in view for some time.
    PageRead,
    /// Took a file.
    Download,
    /// Filled in a whitepaper's form.
    WhitepaperForm,
    /// Asked to be contacted.
    TalkToUs,
    /// Signed up for a webinar.
    WebinarRegistered,
    /// Was there.
    WebinarAttended,
    /// Went to a webinar's recording.
    WebinarReplay,
    /// Wants no more mail.
    Unsubscribe,
    /// Wants mail again.
    Resubscribe,
    /// Their mail system sent our mail back.
    Bounce,
    /// They called our mail unwanted.
    Complaint,
    /// Asked for a feed, once for each day and reader: a program does that, again and again.
    FeedRead,
    /// Was shown a form of ours in a page of the partner's site.
    EmbedView,
    /// Says that they posted something of ours.
    Share,
    /// Wrote back to a mail.
    Reply,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::Click,
        Self::PageView,
        Self::PageRead,
        Self::Download,
        Self::WhitepaperForm,
        Self::TalkToUs,
        Self::WebinarRegistered,
        Self::WebinarAttended,
        Self::WebinarReplay,
        Self::Unsubscribe,
        Self::Resubscribe,
        Self::Bounce,
        Self::Complaint,
        Self::FeedRead,
        Self::EmbedView,
        Self::Share,
        Self::Reply,
    ];

    /// The word in files, in the database and in exports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::PageView => "page_view",
            Self::PageRead => "page_read",
            Self::Download => "download",
            Self::WhitepaperForm => "whitepaper_form",
            Self::TalkToUs => "talk_to_us",
            Self::WebinarRegistered => "webinar_registered",
            Self::WebinarAttended => "webinar_attended",
            Self::WebinarReplay => "webinar_replay",
            Self::Unsubscribe => "unsubscribe",
            Self::Resubscribe => "resubscribe",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::FeedRead => "feed_read",
            Self::EmbedView => "embed_view",
            Self::Share => "share",
            Self::Reply => "reply",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether it is a request of a page or a link, which a machine may make as well.
    pub fn is_request(self) -> bool {
        matches!(
            self,
            Self::Click
                | Self::PageView
                | Self::PageRead
                | Self::Download
                | Self::WebinarReplay
                | Self::FeedRead
                | Self::EmbedView
                | Self::Share
        )
    }

    /// What the person did, for people: `followed a link`.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Click => "followed a link",
            Self::PageView => "read a page",
            Self::PageRead => "stayed on a page",
            Self::Download => "downloaded a file",
            Self::WhitepaperForm => "asked for a whitepaper",
            Self::TalkToUs => "asked to talk",
            Self::WebinarRegistered => "registered for a webinar",
            Self::WebinarAttended => "attended a webinar",
            Self::WebinarReplay => "went to a webinar’s recording",
            Self::Unsubscribe => "unsubscribed",
            Self::Resubscribe => "subscribed again",
            Self::Bounce => "had our mail sent back",
            Self::Complaint => "called our mail unwanted",
            Self::FeedRead => "had a feed read",
            Self::EmbedView => "saw a form in the partner’s site",
            Self::Share => "shared it",
            Self::Reply => "wrote back",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `1 min 20 s`, of so many milliseconds in view.
pub fn stay_words(stayed_ms: i64) -> String {
    let seconds = stayed_ms / 1_000;
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// What a rule calls an event.
impl From<ScoreEvent> for EventKind {
    fn from(event: ScoreEvent) -> Self {
        match event {
            ScoreEvent::Click => Self::Click,
            ScoreEvent::PageView => Self::PageView,
            ScoreEvent::PageRead => Self::PageRead,
            ScoreEvent::Download => Self::Download,
            ScoreEvent::WhitepaperForm => Self::WhitepaperForm,
            ScoreEvent::WebinarRegistered => Self::WebinarRegistered,
            ScoreEvent::WebinarAttended => Self::WebinarAttended,
            ScoreEvent::WebinarReplay => Self::WebinarReplay,
            ScoreEvent::TalkToUs => Self::TalkToUs,
            ScoreEvent::EmbedView => Self::EmbedView,
            ScoreEvent::Share => Self::Share,
            ScoreEvent::Reply => Self::Reply,
            ScoreEvent::Unsubscribe => Self::Unsubscribe,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_and_agree_with_serde() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
    }

    #[test]
    fn a_stay_is_said_in_minutes_and_seconds() {
        let said = [0, 999, 59_999, 60_000, 80_500, 1_800_000].map(stay_words);
        assert_eq!(said, ["0 s", "0 s", "59 s", "1 min", "1 min 20 s", "30 min"]);
    }

    #[test]
    fn rules_use_the_same_words() {
        for (word, event) in ScoreEvent::WORDS {
            assert_eq!(EventKind::from(*event).as_str(), *word);
        }
        let unscored = EventKind::ALL.into_iter().filter(|kind| ScoreEvent::parse(kind.as_str()).is_none());
        assert_eq!(
            unscored.collect::<Vec<_>>(),
            [EventKind::Resubscribe, EventKind::Bounce, EventKind::Complaint, EventKind::FeedRead],
            "coming back earns nothing, and what machines report or poll neither"
        );
    }
}
