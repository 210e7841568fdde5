//! How a reader is invited to take what is shown.

use crate::domain::content::asset::AssetKind;

/// The key of the words that invite to take an asset of this kind.
pub fn call_to_action(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Whitepaper => "read_whitepaper",
        AssetKind::Blog => "read_article",
        AssetKind::Webinar => "register",
        AssetKind::Video => "watch_video",
        AssetKind::Kit => "open_kit",
        AssetKind::Playbook => "open_playbook",
        _ => "read_more",
    }
}
