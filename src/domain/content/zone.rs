//! A block that a partner's text may replace: `::: zone partner.intro`. What the author wrote inside stands where the
//! partner has no text; `optional` leaves the block out then, `required` keeps the asset from that partner.

use super::{
    asset::{Zone, words},
    finding::{At, Findings, codes, did_you_mean},
    lite,
    selection::Reader,
    tree::Node,
};

words! {
    /// What happens where a partner has no text for a zone.
    ZonePolicy {
        /// What the author wrote stands there.
        Fallback "fallback",
        /// The block is left out.
        Optional "optional",
        /// The asset cannot be used by this partner yet.
        Required "required",
    }
}

/// A zone's block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneBlock {
    /// Which zone.
    pub zone: Zone,
    /// Without the partner's text.
    pub policy: ZonePolicy,
}

impl Zone {
    /// Its name in brand profiles: without `partner.`.
    pub fn key(self) -> &'static str {
        self.as_str().trim_start_matches("partner.")
    }
}

impl ZoneBlock {
    /// Reads what follows `zone ` in a fence, up to the conditions: `partner.intro` or `partner.intro, required`.
    pub(super) fn parse(words: &str, at: At, findings: &mut Findings<'_>) -> Option<Self> {
        let (name, policy) =
            words.split_once(',').map_or((words, None), |(name, policy)| (name, Some(policy)));
        let name = name.trim();
        let zone = Zone::parse(name);
        if zone.is_none() {
            let fix = did_you_mean(name, Zone::WORDS.iter().map(|(word, _)| *word));
            findings.add(codes::BAD_ZONE, at, format!("`{name}` is no zone"), fix);
        }
        let policy = match policy.map(str::trim) {
            None => ZonePolicy::Fallback,
            Some(word) => ZonePolicy::parse(word).unwrap_or_else(|| {
                let fix = did_you_mean(word, ZonePolicy::WORDS.iter().map(|(word, _)| *word));
                findings.add(codes::BAD_ZONE, at, format!("`{word}` is no way to do without a text"), fix);
                ZonePolicy::Required
            }),
        };
        zone.map(|zone| Self { zone, policy })
    }

    /// The partner's text for it in the asset `reference`.
    pub fn text<'r>(&self, reference: &str, reader: &Reader<'r>) -> Option<&'r str> {
        reader.partner.brand.zone_text(self.zone.key(), reference, reader.locale)
    }

    /// What stands there, given what the author wrote.
    pub(super) fn fill(&self, written: &[Node], reference: &str, reader: &Reader<'_>) -> Vec<Node> {
        match (self.text(reference, reader), self.policy) {
            (Some(text), _) => lite::read(text),
            (None, ZonePolicy::Fallback | ZonePolicy::Required) => written.to_vec(),
            (None, ZonePolicy::Optional) => Vec::new(),
        }
    }
}
