//! The plain-text part: the same words, for people and machines that read no HTML.

use std::cell::RefCell;

use crate::{
    domain::content::{
        FieldUse, Node, Target,
        text::{self, Plain, WIDTH},
    },
    render::{
        Strings,
        brand::{PartnerBrand, VendorBrand},
        html::Hooks,
    },
};

/// `nodes` as plain text, fields that differ per recipient as slots.
pub(super) fn plain_text(nodes: &[Node], hooks: &mut Hooks<'_>) -> String {
    let hooks = RefCell::new(hooks);
    let url = |target: &Target| {
        let mut hooks = hooks.borrow_mut();
        Some((hooks.link)(target)).filter(|url| !url.is_empty())
    };
    let field = |used: &FieldUse| hooks.borrow_mut().slots.field(used).unwrap_or_else(|default| default);
    text::plain_text(nodes, &Plain { url: &url, field: &field })
}

/// Wraps by words; the first line after `first`, the others after `rest`.
pub(super) fn wrapped(text: &str, first: &str, rest: &str, out: &mut String) {
    let mut prefix = first;
    for paragraph in text.split('\n') {
        let mut column = prefix.chars().count();
        out.push_str(prefix);
        let mut is_first = true;
        for word in paragraph.split_whitespace() {
            let width = word.chars().count();
            if !is_first && column + 1 + width > WIDTH {
                out.push('\n');
                out.push_str(rest);
                column = rest.chars().count();
            } else if !is_first {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += width;
            is_first = false;
        }
        out.push('\n');
        prefix = rest;
    }
}

/// A heading with a line under it.
pub(super) fn underlined(text: &str, with: char) -> String {
    let width = text.chars().count().min(WIDTH);
    format!("{text}\n{}\n", with.to_string().repeat(width))
}

/// Blocks with an empty line between, empty ones left out.
pub(super) fn joined(blocks: &[String]) -> String {
    let blocks: Vec<&str> =
        blocks.iter().map(|block| block.trim_end()).filter(|block| !block.is_empty()).collect();
    blocks.join("\n\n") + "\n"
}

/// What the partner promises, and how to reach them.
pub(super) fn partner_block(partner: &PartnerBrand, strings: &Strings) -> String {
    let mut out = underlined(&strings.fill("about_partner", &[("partner", &partner.name)]), '-');
    for text in [&partner.value_proposition, &partner.proof].into_iter().flatten() {
        wrapped(text, "", "", &mut out);
    }
    if let Some(button) = &partner.call_to_action {
        out.push_str(&format!("{}: {}\n", button.label, button.url));
    }
    let ways = [&partner.contact_name, &partner.contact_email, &partner.phone, &partner.website];
    let ways: Vec<&str> = ways.into_iter().flatten().map(String::as_str).collect();
    out.push_str(&ways.join(" | "));
    out.push('\n');
    out
}

/// Who sends this, why, and how to get less of it.
pub(super) fn footer(
    partner: &PartnerBrand,
    vendor: &VendorBrand,
    why: &str,
    links: &[(&str, &String)],
    strings: &Strings,
) -> String {
    // "-- " with its blank opens a signature (RFC 3676 section 4.3); clients fold it away.
    let mut out = "-- \n".to_owned();
    if partner.name != vendor.name {
        out.push_str(&strings.fill("sent_by", &[("vendor", &vendor.name), ("partner", &partner.name)]));
        out.push('\n');
    }
    wrapped(why, "", "", &mut out);
    for (label, url) in links {
        out.push_str(&format!("{label}: {url}\n"));
    }
    wrapped(
        &strings.fill("legal", &[("legal_name", &vendor.legal_name), ("address", &vendor.postal_address)]),
        "",
        "",
        &mut out,
    );
    out
}
