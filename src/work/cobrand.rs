//! One partner's version of the vendor's content: merge values, brands, addresses.

use std::collections::HashMap;

use crate::{
    domain::{
        content::{
            field::Field,
            library::Library,
            merge::{self, Missing, Part, Template, Value},
            tree::{Node, Target},
            vendor::Vendor,
        },
        kernel::{Error, Locale, Result},
        partner::{Partner, Typeface},
    },
    render::brand::{Button, PartnerBrand, VendorBrand},
};

/// Reference of the hand-raise page.
pub const TALK_TO_US: &str = "pages/talk-to-us";

/// Content hashes of the images and logos, by path under the content folder.
pub type Media = HashMap<String, String>;

/// The vendor's content in one partner's voice and one reader's language.
#[derive(Debug, Clone, Copy)]
pub struct CoBrand<'a> {
    /// Whose voice.
    pub partner: &'a Partner,
    /// Whose content.
    pub vendor: &'a Vendor,
    /// The reader's language.
    pub locale: &'a Locale,
    /// Images and logos.
    pub media: &'a Media,
    /// What addresses begin with: our own address, or a slot's marker.
    pub base_url: &'a str,
}

impl<'a> CoBrand<'a> {
    /// For `partner`, out of `library`.
    ///
    /// # Errors
    /// `Unavailable` before the content was synced.
    pub fn new(
        library: &'a Library,
        media: &'a Media,
        partner: &'a Partner,
        locale: &'a Locale,
        base_url: &'a str,
    ) -> Result<Self> {
        let vendor = library.vendor.as_ref().ok_or_else(no_content)?;
        Ok(Self { partner, vendor, locale, media, base_url })
    }

    /// What a merge field stands for. Lead fields stand for nothing here.
    pub fn value(&self, field: Field) -> Value {
        let brand = &self.partner.brand;
        let manager = self.vendor.channel_manager(self.partner.region);
        let optional = |text: Option<&str>| text.map_or(Value::Empty, |text| Value::Text(text.to_owned()));
        let text = |text: &str| Value::Text(text.to_owned());
        match field {
            Field::PartnerName => text(&self.partner.name),
            Field::PartnerValueProposition => optional(brand.value_proposition_in(self.locale)),
            Field::PartnerProof => optional(brand.proof_in(self.locale)),
            Field::PartnerCallToAction => optional(brand.call_to_action_in(self.locale)),
            Field::PartnerCity => text(&self.partner.city),
            Field::PartnerWebsite => text(&self.partner.website),
            Field::PartnerPhone => optional(brand.phone.as_deref()),
            Field::PartnerContactName => optional(brand.contact_name.as_deref()),
            Field::PartnerContactEmail => optional(brand.contact_email.as_deref()),
            Field::VendorName => text(&self.vendor.name),
            Field::VendorWebsite => text(&self.vendor.website),
            Field::ChannelManagerName => optional(manager.map(|manager| manager.name.as_str())),
            Field::ChannelManagerEmail => optional(manager.map(|manager| manager.email.as_str())),
            Field::ContactFirstName | Field::ContactName => Value::Recipient,
            Field::LeadFirstName | Field::LeadCompany | Field::LeadAsset => Value::Empty,
        }
    }

    /// As [`CoBrand::value`], for people who look at a text before it has a reader: the reader's and the lead's fields are
    /// shown by name.
    pub fn value_or_name(&self, field: Field) -> Value {
        match field {
            Field::ContactFirstName
            | Field::ContactName
            | Field::LeadFirstName
            | Field::LeadCompany
            | Field::LeadAsset => Value::Text(format!("({})", field.as_str().replace(['.', '_'], " "))),
            field => self.value(field),
        }
    }

    /// Fills the fields of a tree; those of the recipient stay.
    ///
    /// # Errors
    /// Every field without value and default.
    pub fn nodes(&self, nodes: &[Node]) -> Result<Vec<Node>, Vec<Missing>> {
        merge::merge(nodes, &|field| self.value(field))
    }

    /// Fills the fields of a line; those of the recipient stay.
    ///
    /// # Errors
    /// Every field without value and default.
    pub fn parts(&self, template: &Template) -> Result<Vec<Part>, Vec<Missing>> {
        template.merge(&|field| self.value(field))
    }

    /// A line for a page: the recipient's fields by their defaults.
    ///
    /// # Errors
    /// `Invalid`, naming every field without value and default.
    pub fn text(&self, template: &Template) -> Result<String> {
        template.merge_text(&|field| self.value(field)).map_err(|missing| no_value(self.partner, &missing))
    }

    /// The path of an asset's page in this partner's voice.
    pub fn path(&self, reference: &str) -> String {
        let lang = if self.locale == &self.partner.locale {
            String::new()
        } else {
            format!("?lang={}", self.locale.as_str())
        };
        format!("{}{lang}", page_path(self.partner.slug.as_str(), reference))
    }

    /// Where a link leads: pages of ours as a path, others as they are.
    pub fn target(&self, target: &Target) -> String {
        match target {
            Target::Asset(reference) => self.path(reference),
            Target::Url(url) => url.clone(),
            // Fields in addresses are filled by merging; one that is left has no value.
            Target::Template(_) => String::new(),
        }
    }

    /// The address of an image of the content folder.
    pub fn image(&self, path: &str) -> Option<String> {
        image(self.media, path, self.base_url)
    }

    /// The partner's typeface, else the vendor's.
    pub fn typeface(&self) -> Option<Typeface> {
        self.partner.brand.typeface.or(self.vendor.typeface)
    }

    /// The partner's brand for mails and documents. `talk_to_us` is where their button leads.
    pub fn partner_brand(&self, talk_to_us: String, fallback_label: &str) -> PartnerBrand {
        let brand = &self.partner.brand;
        PartnerBrand {
            name: self.partner.name.clone(),
            primary: brand.primary,
            accent: brand.accent,
            logo_url: brand.logo.as_ref().map(|hash| media_url(hash, self.base_url)),
            logo_dark_url: brand.logo_dark.as_ref().map(|hash| media_url(hash, self.base_url)),
            typeface: self.typeface(),
            logo_alt: brand.logo_alt.clone().unwrap_or_default(),
            value_proposition: brand.value_proposition_in(self.locale).map(str::to_owned),
            proof: brand.proof_in(self.locale).map(str::to_owned),
            call_to_action: Some(Button {
                label: brand.call_to_action_in(self.locale).unwrap_or(fallback_label).to_owned(),
                url: talk_to_us,
            }),
            contact_name: brand.contact_name.clone(),
            contact_email: brand.contact_email.clone(),
            phone: brand.phone.clone(),
            website: Some(self.partner.website.clone()),
        }
    }

    /// The vendor's brand for mails and documents.
    pub fn vendor_brand(&self) -> VendorBrand {
        vendor_brand(self.vendor, self.media, self.base_url)
    }
}

fn image(media: &Media, path: &str, base_url: &str) -> Option<String> {
    media.get(path).map(|hash| media_url(hash, base_url))
}

fn media_url(hash: &str, base_url: &str) -> String {
    format!("{base_url}/media/{hash}.png")
}

/// The vendor's brand for mails and documents, with images under `base`.
pub fn vendor_brand(vendor: &Vendor, media: &Media, base: &str) -> VendorBrand {
    VendorBrand {
        name: vendor.name.clone(),
        legal_name: vendor.legal_name.clone(),
        postal_address: vendor.postal_address.clone(),
        logo_url: image(media, &vendor.logo, base),
        logo_dark_url: vendor.logo_dark.as_ref().and_then(|path| image(media, path, base)),
        typeface: vendor.typeface,
        website: vendor.website.clone(),
        tagline: (!vendor.tagline.is_empty()).then(|| vendor.tagline.clone()),
    }
}

/// The path of an asset's page in a partner's voice; the hand-raise page has a short one.
pub fn page_path(partner: &str, reference: &str) -> String {
    let short = if reference == TALK_TO_US { "talk-to-us" } else { reference };
    format!("/p/{partner}/{short}")
}

/// Says which fields have no value for which partner.
pub fn no_value(partner: &Partner, missing: &[Missing]) -> Error {
    let faults: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Error::invalid(format!(
        "for {}: {}; add a default, or the value to the partner's brand profile",
        partner.name,
        faults.join("; ")
    ))
}

/// What to say before anything was synced.
pub fn no_content() -> Error {
    Error::unavailable(
        "there is no content yet: set content.dir, and see what `partnercast check` finds in it",
    )
}
