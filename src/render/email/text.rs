//! The plain-text part: the same words, for people and machines that read no HTML.

use crate::{
    domain::content::tree::{Inline, Node},
    render::{
        Strings,
        brand::{PartnerBrand, VendorBrand},
        html::Hooks,
    },
};

/// Columns a paragraph is wrapped to; a longer word, such as an address, stands alone on its line.
const COLUMNS: usize = 74;

/// `nodes` as plain text: paragraphs separated by an empty line, links with their address in parentheses.
pub fn plain_text(nodes: &[Node], hooks: &mut Hooks<'_>) -> String {
    let mut out = String::new();
    write_nodes(nodes, "", "", hooks, &mut out);
    out
}

/// Each block's first line after `first`, its other lines after `rest`.
fn write_nodes(nodes: &[Node], first: &str, rest: &str, hooks: &mut Hooks<'_>, out: &mut String) {
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 && !(rest.starts_with(' ') && matches!(node, Node::List { .. })) {
            out.push_str(rest.trim_end());
            out.push('\n');
        }
        let first = if at == 0 { first } else { rest };
        match node {
            Node::Heading { level, inlines } => {
                let text = line(inlines, hooks);
                wrapped(&text, first, rest, out);
                if *level == 2 {
                    let width = text.chars().count().min(COLUMNS);
                    out.push_str(&format!("{rest}{}\n", "-".repeat(width)));
                }
            }
            Node::Paragraph(inlines) => wrapped(&line(inlines, hooks), first, rest, out),
            Node::List { ordered_start, items } => {
                for (number, item) in items.iter().enumerate() {
                    let bullet = match ordered_start {
                        Some(start) => format!("{}. ", start.saturating_add(number as u64)),
                        None => "- ".to_owned(),
                    };
                    let lead = if number == 0 { first } else { rest };
                    let hang = format!("{rest}{}", " ".repeat(bullet.len()));
                    write_nodes(item, &format!("{lead}{bullet}"), &hang, hooks, out);
                }
            }
            Node::Quote(inner) => {
                write_nodes(inner, &format!("{first}> "), &format!("{rest}> "), hooks, out);
            }
            Node::Code { text, .. } => {
                text.lines().for_each(|code| out.push_str(&format!("{rest}    {code}\n")));
            }
            Node::Table { head, rows, .. } => table(head, rows, rest, hooks, out),
            Node::Image { alt, .. } => wrapped(&format!("[{alt}]"), first, rest, out),
            Node::Rule => out.push_str(&format!("{rest}* * *\n")),
        }
    }
}

/// Columns side by side where they fit, else a record per row.
fn table(
    head: &[Vec<Inline>],
    rows: &[Vec<Vec<Inline>>],
    indent: &str,
    hooks: &mut Hooks<'_>,
    out: &mut String,
) {
    let mut cells = |row: &[Vec<Inline>]| -> Vec<String> { row.iter().map(|cell| line(cell, hooks)).collect() };
    let head = cells(head);
    let rows: Vec<Vec<String>> = rows.iter().map(|row| cells(row)).collect();
    let width = |column: usize| {
        let longest = |row: &Vec<String>| row.get(column).map_or(0, |cell| cell.chars().count());
        rows.iter().chain([&head]).map(longest).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    if widths.iter().sum::<usize>() + 3 * widths.len() <= COLUMNS {
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        for row in [&head, &rule].into_iter().chain(&rows) {
            let padded: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            out.push_str(&format!("{indent}{}\n", padded.join("   ").trim_end()));
        }
        return;
    }
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            out.push_str(&format!("{indent}\n"));
        }
        for (name, cell) in head.iter().zip(row) {
            let hang = format!("{indent}  ");
            wrapped(&format!("{name}: {cell}"), indent, &hang, out);
        }
    }
}

/// Inlines as one text; a hard break stays a line end.
fn line(inlines: &[Inline], hooks: &mut Hooks<'_>) -> String {
    let mut text = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(words) | Inline::Code(words) => text.push_str(words),
            Inline::Emphasis(inner) => text.push_str(&line(inner, hooks)),
            Inline::Strong(inner) => text.push_str(&format!("*{}*", line(inner, hooks))),
            Inline::Link { target, inlines } => {
                let words = line(inlines, hooks);
                let url = (hooks.link)(target);
                if url.is_empty() || url == words || url == format!("mailto:{words}") {
                    text.push_str(&words);
                } else {
                    text.push_str(&format!("{words} ({url})"));
                }
            }
            Inline::Field(used) => {
                text.push_str(&hooks.slots.field(used).unwrap_or_else(|default| default));
            }
            Inline::SoftBreak => text.push(' '),
            Inline::HardBreak => text.push('\n'),
        }
    }
    text
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
            if !is_first && column + 1 + width > COLUMNS {
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
    let width = text.chars().count().min(COLUMNS);
    format!("{text}\n{}\n", with.to_string().repeat(width))
}

/// Blocks with an empty line between, empty ones left out.
pub(super) fn joined(blocks: &[String]) -> String {
    let blocks: Vec<&str> = blocks.iter().map(|block| block.trim_end()).filter(|block| !block.is_empty()).collect();
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
