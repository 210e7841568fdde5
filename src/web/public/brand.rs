//! A partner's look: the parts of their brand that pages show, and their style sheet.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::Setting;
use crate::{
    domain::{
        kernel::{Locale, Result},
        partner::BrandProfile,
    },
    render::Strings,
    web::{respond::Answer, statics},
    work::Context,
};

/// What every page of a partner shows.
#[derive(Debug, Clone, Serialize)]
pub struct BrandView {
    /// Name.
    pub name: String,
    /// Address of the style sheet.
    pub css: String,
    /// Address of the logo.
    pub logo: Option<String>,
    /// What a screen reader says for it.
    pub logo_alt: String,
    /// The partner's content.
    pub home: String,
    /// Where to ask for a conversation.
    pub talk: String,
    /// The button's text.
    pub call_to_action: String,
    /// Telephone.
    pub phone: Option<String>,
    /// The same for `tel:`.
    pub phone_digits: String,
    /// `Your partner: Northlight MSP`
    pub about: String,
    /// What they promise.
    pub value_proposition: Option<Promise>,
    /// Why to believe them.
    pub proof: Option<String>,
    /// Whom to ask for.
    pub contact_name: Option<String>,
    /// Where to write.
    pub contact_email: Option<String>,
    /// Who made this page, in words.
    pub sent_by: String,
    /// The vendor's name in the register and address.
    pub legal: String,
}

/// What a partner promises, which may be in another language than the page.
#[derive(Debug, Clone, Serialize)]
pub struct Promise {
    /// In their words.
    pub text: String,
    /// Its language, where that is known.
    pub lang: Option<String>,
    /// `ltr`, `rtl`, or `auto` where the language is not known.
    pub dir: &'static str,
}

impl Promise {
    /// In the reader's language, else in the partner's own words.
    fn of(brand: &BrandProfile, reader: &Locale) -> Option<Self> {
        match brand.value_proposition_for(reader) {
            Some(text) => {
                Some(Self { text: text.to_owned(), lang: Some(reader.to_string()), dir: reader.direction() })
            }
            None => brand.value_proposition.clone().map(|text| Self { text, lang: None, dir: "auto" }),
        }
    }
}

impl BrandView {
    /// The partner of `setting`, with our own texts from `strings`.
    ///
    /// # Errors
    /// `Unavailable` before the first sync.
    pub fn new(setting: &Setting, strings: &Strings) -> Result<Self> {
        let (voice, partner, reader) = (setting.voice()?, &setting.partner, &setting.locale);
        let brand = &partner.brand;
        let lang = if *reader == partner.locale { String::new() } else { format!("?lang={reader}") };
        let phone = brand.phone.clone();
        Ok(Self {
            name: partner.name.clone(),
            css: format!("/p/{}/brand.css?v={}", partner.slug, version(&css(brand))),
            logo: brand.logo.as_ref().map(|hash| format!("/media/{hash}.png")),
            logo_alt: brand.logo_alt.clone().unwrap_or_else(|| partner.name.clone()),
            home: format!("/p/{}{lang}", partner.slug),
            talk: format!("/p/{}/talk-to-us{lang}", partner.slug),
            call_to_action: brand
                .call_to_action_in(reader)
                .unwrap_or_else(|| strings.get("talk_to_us"))
                .to_owned(),
            phone_digits: phone
                .iter()
                .flat_map(|phone| phone.chars())
                .filter(|c| c.is_ascii_digit() || *c == '+')
                .collect(),
            phone,
            about: strings.fill("about_partner", &[("partner", &partner.name)]),
            value_proposition: Promise::of(brand, reader),
            proof: brand.proof_in(reader).map(str::to_owned),
            contact_name: brand.contact_name.clone(),
            contact_email: brand.contact_email.clone(),
            sent_by: strings
                .fill("presented_by", &[("partner", &partner.name), ("vendor", &voice.vendor.name)]),
            legal: strings.fill(
                "legal",
                &[("legal_name", &voice.vendor.legal_name), ("address", &voice.vendor.postal_address)],
            ),
        })
    }
}

/// The colours as custom properties; text on them is chosen for contrast.
fn css(brand: &BrandProfile) -> String {
    format!(
        ".public{{--brand:{};--on-brand:{};--brand-text:{};--accent:{};--on-accent:{};--accent-text:{}}}\n",
        brand.primary,
        brand.primary.text_on(),
        brand.primary.legible_on_white(),
        brand.accent,
        brand.accent.text_on(),
        brand.accent.legible_on_white(),
    )
}

fn version(css: &str) -> String {
    Sha256::digest(css.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// `GET /p/{partner}/brand.css`
pub async fn style_sheet(State(ctx): State<Arc<Context>>, Path(partner): Path<String>) -> Answer {
    let setting = Setting::of(&ctx, &partner, None).await?;
    let response: Response =
        statics::kept("text/css; charset=utf-8", css(&setting.partner.brand).into_bytes());
    Ok(response)
}

#[cfg(test)]
impl BrandView {
    /// Northlight.
    pub fn sample() -> Self {
        Self {
            name: "Northlight MSP".into(),
            css: "/p/northlight/brand.css".into(),
            logo: Some("/media/northlight.png".into()),
            logo_alt: "Northlight MSP".into(),
            home: "/p/northlight".into(),
            talk: "/p/northlight/talk-to-us".into(),
            call_to_action: "Book a restore test".into(),
            phone: Some("+1 612 555 0142".into()),
            phone_digits: "+16125550142".into(),
            about: "Your partner: Northlight MSP".into(),
            value_proposition: Some(Promise {
                text: "We restore one of your systems every month and show you the clock, so patient care never waits on a guess.".into(),
                lang: Some("en-US".into()),
                dir: "ltr",
            }),
            proof: Some("In 2026 we ran 412 test restores for 38 clinics and hospitals; 397 met the agreed time.".into()),
            contact_name: Some("Luis Ortega".into()),
            contact_email: Some("luis.ortega@northlight.example".into()),
            sent_by: "Presented by Northlight MSP with Brackenfold".into(),
            legal: "Brackenfold AS · Bregnebakken 12, 0199 Oslo, Norway".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_on_a_partner_s_colours_can_be_read() {
        let brand: BrandProfile = toml::from_str("primary = \"#ffee00\"\naccent = \"#1a2f6b\"\n").unwrap();
        let css = css(&brand);
        assert!(css.contains("--brand:#ffee00;--on-brand:#1b1f24"), "{css}");
        assert!(css.contains("--accent:#1a2f6b;--on-accent:#ffffff"), "{css}");
        assert_eq!(version(&css).len(), 8);
    }
}
