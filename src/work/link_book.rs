//! The tracked links of a rendition: numbered as they come, one number a target.

use crate::{
    domain::engagement::Utm,
    render::slots::{Slot, SlotTable},
    store::renditions::NewLink,
};

/// Most links of one rendition.
const LINKS_MAX: usize = 500;
/// Where the link leads that no person sees: to no page.
pub const HIDDEN: &str = "/nothing-here";

/// Collects the links of a rendition while it is rendered.
#[derive(Debug, Default)]
pub struct LinkBook {
    links: Vec<NewLink>,
    slots: SlotTable,
    utm: Option<Utm>,
}

impl LinkBook {
    /// One whose links to others' sites say `utm`.
    pub fn telling(utm: Option<Utm>) -> Self {
        Self { utm, ..Self::default() }
    }

    /// The tracked address that leads to `target`, with slots for our address and the reader's token. Addresses
    /// that are no web pages stay as they are.
    pub fn tracked(&mut self, target: &str, label: &str, asset: Option<&str>) -> String {
        let web = target.starts_with('/') || target.starts_with("https://") || target.starts_with("http://");
        if !web {
            return target.to_owned();
        }
        let told = self.utm.as_ref().map(|utm| utm.tell(target));
        let target = told.as_deref().unwrap_or(target);
        let known = self.links.iter().position(|link| link.target == target);
        let no = known.unwrap_or(self.links.len());
        if known.is_none() {
            if self.links.len() >= LINKS_MAX {
                return target.to_owned();
            }
            self.links.push(NewLink {
                target: target.to_owned(),
                label: label.to_owned(),
                asset: asset.map(str::to_owned),
            });
        }
        let (base, token) = (self.slots.marker(Slot::BaseUrl), self.slots.marker(Slot::ClickToken));
        format!("{base}/c/{token}/{no}")
    }

    /// The slots used so far; the renderer adds its own after them.
    pub fn slots(&mut self) -> &mut SlotTable {
        &mut self.slots
    }

    /// The links, by number.
    pub fn into_links(self) -> Vec<NewLink> {
        self.links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_number_and_mail_addresses_are_left_alone() {
        let mut book = LinkBook::default();
        let first = book.tracked("/p/a/blog/x", "x", Some("blog/x"));
        book.tracked("https://b.example/", "b", None);
        assert_eq!(book.tracked("/p/a/blog/x", "again", None), first);
        assert_eq!(book.tracked("mailto:a@b.example", "", None), "mailto:a@b.example");
        assert_eq!(book.into_links().len(), 2);
    }
}
