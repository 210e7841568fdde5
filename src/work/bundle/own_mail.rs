//! A mail that the partner sends from their own system, to people of their own: as HTML and as text, with their tracked links
//! and placeholders for what their system fills in. We never see their list.

use super::Packed;
use crate::{
    domain::{
        content::{
            Asset,
            tree::{self, Node},
        },
        engagement::Placement,
        kernel::{Locale, Result},
    },
    render::{
        Button, SlotTable,
        email::{self, NoticeInput},
    },
    work::{
        cobrand::{CoBrand, TALK_TO_US},
        compose::call_to_action,
    },
};

/// Stands for the reader's first name until the partner's system puts it in.
pub(super) const FIRST_NAME: &str = "[[FIRST NAME]]";
/// Stands for the link with which their system's readers unsubscribe.
pub(super) const UNSUBSCRIBE: &str = "[[UNSUBSCRIBE]]";

impl Packed<'_> {
    /// HTML and text of the mail about `asset`.
    pub(super) fn mail(
        &self,
        brand: &CoBrand<'_>,
        asset: &Asset,
        (title, summary): (&str, &str),
        language: &Locale,
    ) -> Result<(String, String)> {
        let strings = self.ctx.templates.strings(language);
        let label = strings.get(call_to_action(asset.kind())).to_owned();
        let own = (Placement::OwnMailer, false);
        let line = |text: String| Node::Paragraph(vec![tree::Inline::Text(text)]);
        let input = NoticeInput {
            locale: language.clone(),
            subject: title.to_owned(),
            preheader: summary.to_owned(),
            heading: title.to_owned(),
            body: vec![line(strings.fill("greeting", &[("name", FIRST_NAME)])), line(summary.to_owned())],
            facts: Vec::new(),
            button: Some(Button { label, url: self.placed(&asset.reference, own) }),
            after: Vec::new(),
            partner: Some(brand.partner_brand(self.placed(TALK_TO_US, own), strings.get("talk_to_us"))),
            vendor: brand.vendor_brand(),
            vendor_colours: (brand.vendor.primary, brand.vendor.accent),
            why: UNSUBSCRIBE.to_owned(),
            links: Vec::new(),
            is_partners_own: true,
            slots: SlotTable::default(),
        };
        let mail = email::notice(&self.ctx.templates, &input, &mut |_| String::new(), &mut |_| None)?;
        Ok((mail.html, mail.text))
    }
}
