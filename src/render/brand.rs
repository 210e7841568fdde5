//! The two brands that stand on a mail or a document.

use serde::Serialize;

use super::typeface;
use crate::domain::partner::{Typeface, brand::Colour};

/// A button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Button {
    /// Its text.
    pub label: String,
    /// Where it leads, may hold slots.
    pub url: String,
}

/// What a mail or a document shows of the partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerBrand {
    /// Name, shown where there is no logo.
    pub name: String,
    /// Colour of the band.
    pub primary: Colour,
    /// Colour of buttons and links; darkened where it would not be legible.
    pub accent: Colour,
    /// https address of the logo (PNG).
    pub logo_url: Option<String>,
    /// https address of the one for dark grounds.
    pub logo_dark_url: Option<String>,
    /// What a screen reader says for the logo; empty stands for the name.
    pub logo_alt: String,
    /// Their typeface, or the vendor's.
    pub typeface: Option<Typeface>,
    /// What they promise, in the reader's language.
    pub value_proposition: Option<String>,
    /// Why to believe them.
    pub proof: Option<String>,
    /// Their button.
    pub call_to_action: Option<Button>,
    /// Person for customers.
    pub contact_name: Option<String>,
    /// Address for customers.
    pub contact_email: Option<String>,
    /// Telephone for customers.
    pub phone: Option<String>,
    /// Their site.
    pub website: Option<String>,
}

/// What a mail or a document shows of the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VendorBrand {
    /// Name.
    pub name: String,
    /// Name in the register.
    pub legal_name: String,
    /// One line.
    pub postal_address: String,
    /// https address of the logo (PNG).
    pub logo_url: Option<String>,
    /// https address of the one for dark grounds.
    pub logo_dark_url: Option<String>,
    /// Its typeface.
    pub typeface: Option<Typeface>,
    /// Their site.
    pub website: String,
    /// One line under the name.
    pub tagline: Option<String>,
}

/// The partner's brand with its colours made legible (WCAG 2.2 SC 1.4.3).
#[derive(Debug, Serialize)]
pub(in crate::render) struct PartnerView<'a> {
    name: &'a str,
    band: String,
    band_text: String,
    name_colour: String,
    button: String,
    button_text: String,
    link: String,
    logo_url: Option<&'a str>,
    logo_dark_url: Option<&'a str>,
    logo_alt: &'a str,
    /// Families for mail, as CSS writes them.
    mail_families: &'static str,
    /// Families for documents, the one that is meant first.
    families: &'static [&'static str],
    /// How large their running text is set.
    text_scale: f64,
    value_proposition: Option<&'a str>,
    proof: Option<&'a str>,
    call_to_action: Option<&'a Button>,
    contact_name: Option<&'a str>,
    contact_email: Option<&'a str>,
    phone: Option<&'a str>,
    website: Option<&'a str>,
}

impl<'a> From<&'a PartnerBrand> for PartnerView<'a> {
    fn from(brand: &'a PartnerBrand) -> Self {
        Self {
            name: &brand.name,
            band: brand.primary.to_string(),
            band_text: brand.primary.text_on().to_string(),
            name_colour: brand.primary.legible_on_white().to_string(),
            button: brand.accent.to_string(),
            button_text: brand.accent.text_on().to_string(),
            link: brand.accent.legible_on_white().to_string(),
            logo_url: brand.logo_url.as_deref(),
            logo_dark_url: brand.logo_dark_url.as_deref(),
            mail_families: typeface::mail(brand.typeface),
            families: typeface::documents(brand.typeface),
            text_scale: typeface::text_scale(brand.typeface),
            logo_alt: if brand.logo_alt.is_empty() { &brand.name } else { &brand.logo_alt },
            value_proposition: brand.value_proposition.as_deref(),
            proof: brand.proof.as_deref(),
            call_to_action: brand.call_to_action.as_ref(),
            contact_name: brand.contact_name.as_deref(),
            contact_email: brand.contact_email.as_deref(),
            phone: brand.phone.as_deref(),
            website: brand.website.as_deref(),
        }
    }
}
