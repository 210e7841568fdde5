//! The data file that the layouts read: what all kinds share, and `own`, what one kind has of its own.

use std::borrow::Cow;

use chrono::Datelike;
use serde::Serialize;
use serde_json::Value;

use super::{
    DocumentInput, Own, datasheet, kit,
    picture::Size,
    text::{let_long_words_break, shortened},
    tree, whitepaper,
};
use crate::{
    domain::kernel::{Error, Result},
    render::{
        Strings,
        brand::{PartnerBrand, PartnerView, VendorBrand},
    },
};

/// Longest title in a running head, in characters; it and the name stand on one line.
const HEAD_TITLE_CHARS: usize = 64;
/// Longest name in a running head or foot.
const HEAD_NAME_CHARS: usize = 36;
/// Longest line of name and contact in a running foot.
const FOOT_CHARS: usize = 84;

#[derive(Serialize)]
struct Data<'a> {
    lang: &'a str,
    region: Option<&'a str>,
    kind_label: &'a str,
    title: &'a str,
    summary: &'a str,
    keywords: &'a [String],
    authors: Vec<&'a str>,
    published: Option<String>,
    rights: String,
    presented_by: String,
    next_step: &'a str,
    page_of: &'a str,
    head: Head,
    partner: PartnerView<'a>,
    partner_logo: Option<Logo<'a>>,
    contact: Vec<Link<'a>>,
    vendor: Vendor<'a>,
    vendor_logo: Option<Logo<'a>>,
    body: Vec<Value>,
    own: OwnData<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum OwnData<'a> {
    Whitepaper(whitepaper::Data<'a>),
    Datasheet(datasheet::Data<'a>),
    Kit(Box<kit::Data<'a>>),
}

/// What stands on each page's head and foot.
#[derive(Serialize)]
struct Head {
    title: String,
    name: String,
    contact: String,
}

/// A logo and how much wider than high it is.
#[derive(Serialize)]
struct Logo<'a> {
    file: &'static str,
    ratio: f64,
    alt: &'a str,
}

/// A text that leads somewhere.
#[derive(Serialize)]
pub(super) struct Link<'a> {
    text: &'a str,
    url: Cow<'a, str>,
}

impl<'a> Link<'a> {
    pub(super) fn email(address: &'a str) -> Self {
        Self { text: address, url: format!("mailto:{address}").into() }
    }

    /// The number as people write it, and as telephones dial it (RFC 3966).
    pub(super) fn phone(number: &'a str) -> Self {
        let digits: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        Self { text: number, url: if digits.is_empty() { "".into() } else { format!("tel:{digits}").into() } }
    }

    /// An https address, shown without what every address has.
    fn site(url: &'a str) -> Self {
        let text = url.trim_start_matches("https://").trim_end_matches('/');
        Self { text, url: url.into() }
    }
}

#[derive(Serialize)]
struct Vendor<'a> {
    name: &'a str,
    legal_name: &'a str,
    postal_address: &'a str,
    tagline: Option<&'a str>,
    website: Link<'a>,
}

/// The data file of `input` as JSON, with what can be set of the partner's brand, the text as the layouts read it and the sizes of its images and logos.
///
/// # Errors
/// None that we know of.
pub(super) fn data(
    input: &DocumentInput,
    partner: &PartnerBrand,
    strings: &Strings,
    (mut body, sizes): (Vec<Value>, &[Size]),
    [partner_logo, vendor_logo]: [Option<Size>; 2],
) -> Result<Vec<u8>> {
    tree::add_sizes(&mut body, sizes);
    let vendor = &input.vendor;
    let region = input.locale.as_str().split('-').next_back().filter(|tag| tag.len() == 2);
    let logo_alt = if partner.logo_alt.is_empty() { &partner.name } else { &partner.logo_alt };
    let kind = input.own.name();
    let kind_label = format!("kind_{kind}");
    let data = Data {
        lang: input.locale.language(),
        region: region.filter(|tag| *tag != input.locale.language()),
        kind_label: strings.get(&kind_label),
        title: &input.title,
        summary: &input.summary,
        keywords: &input.keywords,
        authors: match &input.own {
            Own::Whitepaper(paper) => paper.all_authors(),
            Own::Datasheet(_) | Own::Kit(_) => vec![&vendor.name],
        },
        published: input.published.map(|day| strings.fill("published", &[("date", &strings.date(day))])),
        rights: match input.published {
            Some(day) => {
                let values = [("year", day.year().to_string()), ("legal_name", vendor.legal_name.clone())];
                strings.fill("all_rights", &values.each_ref().map(|(name, value)| (*name, value.as_str())))
            }
            None => format!("© {}", vendor.legal_name),
        },
        presented_by: strings.fill("presented_by", &[("partner", &partner.name), ("vendor", &vendor.name)]),
        next_step: strings.get("next_step"),
        page_of: strings.get("page_of"),
        head: head(input),
        partner: PartnerView::from(partner),
        partner_logo: partner_logo.map(|size| logo("partner-logo", size, logo_alt)),
        contact: contact(partner),
        vendor: vendor_data(vendor),
        vendor_logo: vendor_logo.map(|size| logo("vendor-logo", size, &vendor.name)),
        body,
        own: match &input.own {
            Own::Whitepaper(paper) => OwnData::Whitepaper(paper.data(strings)),
            Own::Datasheet(sheet) => OwnData::Datasheet(sheet.data(strings)),
            Own::Kit(kit) => OwnData::Kit(Box::new(kit.data(strings, &partner.name))),
        },
    };
    let internal = |error| Error::internal("document data").because(error);
    let mut data = serde_json::to_value(&data).map_err(internal)?;
    let_long_words_break(&mut data);
    serde_json::to_vec(&data).map_err(internal)
}

fn head(input: &DocumentInput) -> Head {
    let name = shortened(&input.partner.name, HEAD_NAME_CHARS);
    let parts = [Some(&name), input.partner.contact_email.as_ref(), input.partner.phone.as_ref()];
    let mut contact = String::new();
    for part in parts.into_iter().flatten() {
        let joined = if contact.is_empty() { part.clone() } else { format!("{contact}  ·  {part}") };
        // What does not fit is left out whole: half an address is none.
        if joined.chars().count() <= FOOT_CHARS {
            contact = joined;
        }
    }
    Head { title: shortened(&input.title, HEAD_TITLE_CHARS), name, contact }
}

fn logo<'a>(file: &'static str, (width, height): Size, alt: &'a str) -> Logo<'a> {
    Logo { file, ratio: f64::from(width.max(1)) / f64::from(height.max(1)), alt }
}

/// A name needs no label, and neither does an address or a number.
fn contact(partner: &PartnerBrand) -> Vec<Link<'_>> {
    let name = partner.contact_name.as_deref().map(|name| Link { text: name, url: "".into() });
    let email = partner.contact_email.as_deref().map(Link::email);
    let phone = partner.phone.as_deref().map(Link::phone);
    let website = partner.website.as_deref().map(Link::site);
    [name, email, phone, website].into_iter().flatten().collect()
}

fn vendor_data(vendor: &VendorBrand) -> Vendor<'_> {
    Vendor {
        name: &vendor.name,
        legal_name: &vendor.legal_name,
        postal_address: &vendor.postal_address,
        tagline: vendor.tagline.as_deref(),
        website: Link::site(&vendor.website),
    }
}
