//! What each kind of asset has of its own.

mod campaign;
mod letter;
mod piece;
mod proof;
mod sequence;
mod social;
mod weight;

pub use campaign::{Kit, Objection, Playbook, Tactic};
pub use letter::{
    Approval, Audience, CARDS_MAX, CatchUp, FREEZE_MINUTES_MAX, Issue, IssueZone, Newsletter, Staged,
    WhenBlocked,
};
pub use piece::{Blog, Gate, Speaker, Webinar, Whitepaper};
pub use proof::{CaseResult, CaseStudy, Datasheet, Quote, Specification, Video};
pub use sequence::{
    CameThrough, Condition, DELAY_DAYS_MAX, EntryStage, ExitRule, Message, People, STEPS_MAX, Sequence, Step,
};
pub use social::{Network, Social};
pub use weight::{x_has_link, x_length};

use chrono::NaiveDate;

use super::{
    asset::AssetKind,
    body::Body,
    finding::{Findings, codes},
    keys::{Keys, Reference},
    merge::Template,
};

/// What an asset's kind has of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Detail {
    /// A newsletter.
    Newsletter(Newsletter),
    /// An issue.
    Issue(Issue),
    /// A sequence.
    Sequence(Sequence),
    /// A message of a sequence.
    Message(Message),
    /// A whitepaper.
    Whitepaper(Whitepaper),
    /// A blog post.
    Blog(Blog),
    /// A webinar.
    Webinar(Webinar),
    /// A social post.
    Social(Social),
    /// A standing page; it has nothing of its own.
    Page,
    /// A playbook.
    Playbook(Playbook),
    /// A case study.
    CaseStudy(CaseStudy),
    /// A datasheet.
    Datasheet(Datasheet),
    /// A video.
    Video(Video),
    /// A kit.
    Kit(Kit),
}

/// What issues and messages have in common: what a mail is made of, beside its text.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// The mail's subject.
    pub subject: &'a Template,
    /// Another one, which half of the readers get.
    pub subject_b: Option<&'a Template>,
    /// What mail programs show after the subject.
    pub preheader: &'a Template,
    /// Assets shown as cards, in order.
    pub features: &'a [Reference],
    /// An issue's own headline and date; none for messages, whose title is the headline.
    pub edition: Option<(&'a str, NaiveDate)>,
}

/// What newsletters and sequences have in common, beside their text.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// Name of a `[sender.*]` in vendor.toml.
    pub sender: Option<&'a Reference>,
    /// Why the reader gets it.
    pub why: &'a Template,
}

impl Detail {
    /// What a mail is made of, where this is one.
    pub fn letter(&self) -> Option<Letter<'_>> {
        match self {
            Self::Issue(Issue { subject, subject_b, preheader, features, theme, date, .. }) => {
                let subject_b = subject_b.as_ref();
                Some(Letter { subject, subject_b, preheader, features, edition: Some((theme, *date)) })
            }
            Self::Message(Message { subject, preheader, features }) => {
                Some(Letter { subject, subject_b: None, preheader, features, edition: None })
            }
            _ => None,
        }
    }

    /// What mails of a series have in common, where this is one.
    pub fn series(&self) -> Option<Series<'_>> {
        match self {
            Self::Newsletter(Newsletter { sender, why, .. })
            | Self::Sequence(Sequence { sender, why, .. }) => Some(Series { sender: sender.as_ref(), why }),
            _ => None,
        }
    }

    /// Which kind it is.
    pub fn kind(&self) -> AssetKind {
        match self {
            Self::Newsletter(_) => AssetKind::Newsletter,
            Self::Issue(_) => AssetKind::Issue,
            Self::Sequence(_) => AssetKind::Sequence,
            Self::Message(_) => AssetKind::Message,
            Self::Whitepaper(_) => AssetKind::Whitepaper,
            Self::Blog(_) => AssetKind::Blog,
            Self::Webinar(_) => AssetKind::Webinar,
            Self::Social(_) => AssetKind::Social,
            Self::Page => AssetKind::Page,
            Self::Playbook(_) => AssetKind::Playbook,
            Self::CaseStudy(_) => AssetKind::CaseStudy,
            Self::Datasheet(_) => AssetKind::Datasheet,
            Self::Video(_) => AssetKind::Video,
            Self::Kit(_) => AssetKind::Kit,
        }
    }

    /// Reads the keys of `kind`.
    pub(super) fn parse(kind: AssetKind, keys: &mut Keys, f: &mut Findings<'_>) -> Self {
        match kind {
            AssetKind::Newsletter => Self::Newsletter(Newsletter::parse(keys, f)),
            AssetKind::Issue => Self::Issue(Issue::parse(keys, f)),
            AssetKind::Sequence => Self::Sequence(Sequence::parse(keys, f)),
            AssetKind::Message => Self::Message(Message::parse(keys, f)),
            AssetKind::Whitepaper => Self::Whitepaper(Whitepaper::parse(keys, f)),
            AssetKind::Blog => Self::Blog(Blog::parse(keys, f)),
            AssetKind::Webinar => Self::Webinar(Webinar::parse(keys, f)),
            AssetKind::Social => Self::Social(Social::parse(keys, f)),
            AssetKind::Page => Self::Page,
            AssetKind::Playbook => Self::Playbook(Playbook::parse(keys, f)),
            AssetKind::CaseStudy => Self::CaseStudy(CaseStudy::parse(keys, f)),
            AssetKind::Datasheet => Self::Datasheet(Datasheet::parse(keys, f)),
            AssetKind::Video => Self::Video(Video::parse(keys, f)),
            AssetKind::Kit => Self::Kit(Kit::parse(keys, f)),
        }
    }

    /// A detail with nothing in it, for a file that cannot be read.
    pub(super) fn blank(kind: AssetKind) -> Self {
        match kind {
            AssetKind::Newsletter => Self::Newsletter(Newsletter::default()),
            AssetKind::Issue => Self::Issue(Issue::default()),
            AssetKind::Sequence => Self::Sequence(Sequence::default()),
            AssetKind::Message => Self::Message(Message::default()),
            AssetKind::Whitepaper => Self::Whitepaper(Whitepaper::default()),
            AssetKind::Blog => Self::Blog(Blog::default()),
            AssetKind::Webinar => Self::Webinar(Webinar::default()),
            AssetKind::Social => Self::Social(Social::default()),
            AssetKind::Page => Self::Page,
            AssetKind::Playbook => Self::Playbook(Playbook::default()),
            AssetKind::CaseStudy => Self::CaseStudy(CaseStudy::default()),
            AssetKind::Datasheet => Self::Datasheet(Datasheet::default()),
            AssetKind::Video => Self::Video(Video::default()),
            AssetKind::Kit => Self::Kit(Kit::default()),
        }
    }

    /// Checks the body against what the kind allows; it begins at byte `at`.
    pub(super) fn check_body(&self, body: &Body, at: usize, f: &mut Findings<'_>) {
        let may_be_empty = matches!(self, Self::Newsletter(_) | Self::Sequence(_) | Self::Kit(_));
        if !may_be_empty && f.text()[at..].trim().is_empty() {
            f.add_at(codes::EMPTY_BODY, at, "there is no text below the front matter", "write it");
        }
        if let Self::Social(social) = self {
            social.check_body(body, at, f);
        }
    }

    /// Every asset it names, with the kinds that fit there (none: any).
    pub(super) fn references(&self) -> Vec<(&Reference, &'static [AssetKind])> {
        match self {
            Self::Issue(issue) => issue.features.iter().map(|feature| (feature, [].as_slice())).collect(),
            Self::Message(message) => {
                message.features.iter().map(|feature| (feature, [].as_slice())).collect()
            }
            Self::Sequence(sequence) => sequence.assets().map(|asset| (asset, [].as_slice())).collect(),
            Self::Social(social) => social.link.iter().map(|link| (link, [].as_slice())).collect(),
            Self::Kit(kit) => {
                let tactics = kit.tactics.iter().map(|tactic| (&tactic.asset, [].as_slice()));
                let playbook =
                    kit.playbook.iter().map(|playbook| (playbook, [AssetKind::Playbook].as_slice()));
                tactics.chain(playbook).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Every partner it names by slug.
    pub(super) fn partners(&self) -> Vec<&Reference> {
        match self {
            Self::Whitepaper(paper) => paper.co_author.iter().collect(),
            Self::Blog(blog) => blog.partner.iter().collect(),
            Self::Webinar(webinar) => {
                webinar.speakers.iter().filter_map(|s| s.partner.as_ref()).chain(&webinar.co_host).collect()
            }
            _ => Vec::new(),
        }
    }
}
