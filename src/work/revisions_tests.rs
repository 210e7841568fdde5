//! What a reader gets of a file, as text.

use super::*;
use crate::work::{folder, sync};

const FILE: &str = "---\nkind: blog\ntitle: Restores at {{ partner.name }}\nsummary: Short.\nroles: [sales]\npublish: 2027-01-06\n---\n\
    {{ partner.name }} tests\nevery [restore](asset:whitepapers/x).\n\n## Why\n\n::: sales\nAsk {{ partner.phone }}.\n:::\n";
const VENDOR_FILE: &str = include_str!("../../content/vendor.toml");

#[test]
fn references_are_paths_without_language() {
    assert_eq!(reference_of("blog/a.de.md"), Some("blog/a"));
    assert_eq!(reference_of("newsletters/n/2027-01-12.md"), Some("newsletters/n/2027-01-12"));
    assert_eq!(reference_of("vendor.toml"), None);
}

#[test]
fn without_a_partner_everything_is_shown_and_fields_by_name() {
    let text = rendered("blog/a.md", FILE, VENDOR_FILE, &Eyes::default()).unwrap();
    assert_eq!(
        text,
        "Restores at {{ partner.name }}\nShort.\n\n{{ partner.name }} tests every restore <whitepapers/x>.\n\nWhy\n\n\
         [for sales]\nAsk {{ partner.phone }}.\n"
    );
    assert!(rendered("vendor.toml", VENDOR_FILE, VENDOR_FILE, &Eyes::default()).is_none());
}

#[test]
fn in_a_partners_voice_a_role_sees_its_own_and_what_is_missing_keeps_its_name() {
    let content = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("content");
    let mut partner = sync::read(&folder::read_now(&content).unwrap(), 0).partners.remove(0);
    partner.brand.phone = None;
    let eyes = |role| Eyes { partner: Some(partner.clone()), role: Some(role), ..Eyes::default() };
    let sales = rendered("blog/a.md", FILE, VENDOR_FILE, &eyes(AudienceRole::Sales)).unwrap();
    assert!(sales.contains("Ask {{ partner.phone }}.") && sales.contains(&partner.name), "{sales}");
    assert!(sales.contains(&format!("</p/{}/whitepapers/x", partner.slug)), "{sales}");
    let technical = rendered("blog/a.md", FILE, VENDOR_FILE, &eyes(AudienceRole::Technical)).unwrap();
    assert!(!technical.contains("Ask"), "{technical}");
}
