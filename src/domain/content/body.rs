//! An asset's body: sections for everyone and sections for some readers, in the author's order.

use std::collections::BTreeSet;

use super::{
    asset::Zone,
    field::{Field, Scope},
    finding::{At, Findings, codes},
    markdown,
    merge::Part,
    selection::{Reader, Selection},
    tree::{self, Inline, Node, Target},
    zone::{ZoneBlock, ZonePolicy},
};
use crate::domain::partner::Roles;

/// A stretch of the body for one audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Whom it concerns.
    pub selection: Selection,
    /// The zone whose text may stand in place of it.
    pub zone: Option<ZoneBlock>,
    /// What it says.
    pub nodes: Vec<Node>,
    /// The line of the file on which it begins, from 1.
    pub line: u32,
}

/// The body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// In the author's order.
    pub sections: Vec<Section>,
}

impl Body {
    /// Reads `text`, which begins at byte `base` of the file that `findings` are about.
    pub fn parse(text: &str, base: usize, scope: Scope, findings: &mut Findings<'_>) -> Self {
        let mut sections = Vec::new();
        for part in split(text, base, findings) {
            let nodes = markdown::parse(&text[part.from..part.to], base + part.from, scope, findings);
            if !nodes.is_empty() || part.zone.is_some() {
                sections.push(Section { selection: part.selection, zone: part.zone, nodes, line: part.line });
            }
        }
        let first_line = super::finding::Place::of(findings.text(), base).line;
        sections.iter_mut().for_each(|section| section.line += first_line);
        Self { sections }
    }

    /// What a reader of the asset `reference` sees, with their partner's words in the zones.
    pub fn for_reader(&self, reference: &str, reader: &Reader<'_>) -> Vec<Node> {
        let concerned = self.sections.iter().filter(|section| section.selection.concerns(reader));
        concerned
            .flat_map(|section| match &section.zone {
                Some(zone) => zone.fill(&section.nodes, reference, reader),
                None => section.nodes.clone(),
            })
            .collect()
    }

    /// Zones that the asset `reference` wants the reader's partner to fill, and that they have not filled.
    pub fn missing_zones(&self, reference: &str, reader: &Reader<'_>) -> BTreeSet<Zone> {
        let concerned = self.sections.iter().filter(|section| section.selection.concerns(reader));
        let zones = concerned.filter_map(|section| section.zone);
        let is_missing =
            |zone: &ZoneBlock| zone.policy == ZonePolicy::Required && zone.text(reference, reader).is_none();
        zones.filter(is_missing).map(|zone| zone.zone).collect()
    }

    /// What stands in no block.
    pub fn for_everyone(&self) -> Vec<Node> {
        let open = self.sections.iter().filter(|section| section.selection.is_for_everyone());
        open.flat_map(|section| section.nodes.iter().cloned()).collect()
    }

    /// The roles that some block is for.
    pub fn roles_covered(&self) -> Roles {
        let blocks = self.sections.iter().filter(|section| !section.selection.is_for_everyone());
        blocks.flat_map(|section| section.selection.possible_roles().iter()).collect()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// Every link's target, once, in order.
    pub fn links(&self) -> BTreeSet<&Target> {
        let mut targets = BTreeSet::new();
        self.each_inline(&mut |inline| {
            if let Inline::Link { target, .. } = inline {
                targets.insert(target);
            }
        });
        targets
    }

    /// Every merge field, also those in links.
    pub fn fields(&self) -> BTreeSet<Field> {
        let mut fields = BTreeSet::new();
        self.each_inline(&mut |inline| match inline {
            Inline::Field(used) => {
                fields.insert(used.field);
            }
            Inline::Link { target: Target::Template(parts), .. } => {
                fields.extend(parts.iter().filter_map(|part| match part {
                    Part::Field(used) => Some(used.field),
                    Part::Text(_) => None,
                }));
            }
            _ => {}
        });
        fields
    }

    /// Every image's path.
    pub fn images(&self) -> BTreeSet<&str> {
        let mut images = BTreeSet::new();
        for section in &self.sections {
            tree::each_node(&section.nodes, &mut |node| {
                if let Node::Image { src, .. } = node {
                    images.insert(src.as_str());
                }
            });
        }
        images
    }

    fn each_inline<'n>(&'n self, see: &mut dyn FnMut(&'n Inline)) {
        self.sections.iter().for_each(|section| tree::each_inline(&section.nodes, see));
    }
}

/// A stretch of source: bytes `from..to` of the body.
struct Stretch {
    selection: Selection,
    zone: Option<ZoneBlock>,
    from: usize,
    to: usize,
    /// Lines of the body before it.
    line: u32,
}

/// Splits at the fences of blocks. A `:::` inside a code block is text.
fn split(text: &str, base: usize, findings: &mut Findings<'_>) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut current = Stretch { selection: Selection::default(), zone: None, from: 0, to: 0, line: 0 };
    // Where the open block's fence stands.
    let mut open: Option<usize> = None;
    let mut code = CodeFence::default();
    let (mut at, mut line) = (0, 0);
    for full in text.split_inclusive('\n') {
        let (start, content) = (at, full.trim_end());
        at += full.len();
        line += 1;
        let in_code = code.inside(content);
        let Some(words) = content.strip_prefix(":::").filter(|_| !in_code) else { continue };
        let (selection, zone) = if words.trim().is_empty() {
            if open.take().is_none() {
                let fix = "remove it, or say whom the block is for: `::: sales`";
                findings.add_at(codes::STRAY_FENCE, base + start, "`:::` closes no block", fix);
            }
            (Selection::default(), None)
        } else {
            if open.replace(start).is_some() {
                let fix = "close the one above with `:::` first";
                findings.add_at(codes::NESTED_BLOCK, base + start, "a block begins inside another", fix);
            }
            fence(words, At::Offset(base + start + 3), findings)
        };
        current.to = start;
        stretches.push(std::mem::replace(&mut current, Stretch { selection, zone, from: at, to: at, line }));
    }
    if let Some(start) = open {
        let fix = "end the block with a line `:::`";
        findings.add_at(codes::BLOCK_NOT_CLOSED, base + start, "this block is not closed", fix);
    }
    current.to = text.len();
    stretches.push(current);
    stretches
}

/// What a fence says: `zone partner.intro, optional and region emea`, or conditions alone.
fn fence(words: &str, at: At, findings: &mut Findings<'_>) -> (Selection, Option<ZoneBlock>) {
    let blanks = words.len() - words.trim_start().len();
    let Some(rest) = words.trim_start().strip_prefix("zone ") else {
        return (Selection::parse(words, at, findings), None);
    };
    let zone_at = at.after(blanks + "zone ".len());
    let (zone, conditions) = rest.split_once(" and ").map_or((rest, None), |(zone, rest)| (zone, Some(rest)));
    let selection = conditions.map(|text| Selection::parse(text, zone_at.after(zone.len() + 5), findings));
    (selection.unwrap_or_default(), ZoneBlock::parse(zone, zone_at, findings))
}

/// Whether we are inside a fenced code block (CommonMark 0.31 section 4.5).
#[derive(Default)]
struct CodeFence {
    open: Option<(char, usize)>,
}

impl CodeFence {
    /// Takes the next line; true when it is inside, or is a fence itself.
    fn inside(&mut self, line: &str) -> bool {
        let line = line.trim_start();
        let marker = line.chars().next().filter(|c| matches!(c, '`' | '~'));
        let length = marker.map_or(0, |marker| line.chars().take_while(|c| *c == marker).count());
        match (self.open, marker) {
            (Some((mark, least)), Some(marker))
                if mark == marker && length >= least && line.len() == length =>
            {
                self.open = None;
                true
            }
            (Some(_), _) => true,
            (None, Some(marker)) if length >= 3 && !(marker == '`' && line[length..].contains('`')) => {
                self.open = Some((marker, length));
                true
            }
            (None, _) => false,
        }
    }
}
