//! A partner's look: the parts of their brand that pages show, and their style sheet.

use std::fmt::Write as _;

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::Setting;
use crate::{
    domain::{
        kernel::{Locale, Result},
        partner::{BrandProfile, Typeface, brand::Colour},
    },
    render::Strings,
    web::{respond::Answer, statics},
    work::{Context, feeds::public_path},
};

/// When a page is dark. Paper is not.
const DARK: &str = "screen and (prefers-color-scheme: dark)";

/// What every page of a partner shows.
#[derive(Debug, Clone, Serialize)]
pub struct BrandView {
    /// Name.
    pub name: String,
    /// Address of the style sheet.
    pub css: String,
    /// Address of the typeface's regular letters, which every page shows.
    pub font: Option<String>,
    /// Address of the logo.
    pub logo: Option<String>,
    /// Address of the one for dark grounds.
    pub logo_dark: Option<String>,
    /// When that is shown, as a media query.
    pub dark: &'static str,
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
    /// Its feed, without the ending.
    pub feed: String,
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
        let media = |hash: &String| format!("/media/{hash}.png");
        let scheme = if setting.is_dark { "scheme=dark&" } else { "" };
        let typeface = voice.typeface();
        Ok(Self {
            name: partner.name.clone(),
            css: format!("/p/{}/brand.css?{scheme}v={}", partner.slug, version(&css(brand, typeface, DARK))),
            font: typeface.map(|typeface| font_address(typeface, "regular")),
            logo: brand.logo.as_ref().map(media),
            logo_dark: brand.logo_dark.as_ref().map(media),
            dark: if setting.is_dark { "all" } else { DARK },
            logo_alt: brand.logo_alt.clone().unwrap_or_else(|| partner.name.clone()),
            home: format!("/p/{}{lang}", partner.slug),
            feed: public_path(partner.slug.as_str()),
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

/// The ground and the lines of a dark page; the lightest ground is that for which colours are repaired.
const NIGHT: &str = "color-scheme:dark;--paper:#14171a;--card:#1f2429;--sunk:#1a1e22;--ink:#e7eaee;--soft:#aeb6c0;\
    --line:#343b43;--edge:#7d8590;--brand-soft:#2b3138;--good:#74d3a2;--good-soft:#17342a;--warn:#f0b860;\
    --warn-soft:#3a2c14;--bad:#ff9d94;--bad-soft:#43201d;--idle:#6d7681;--idle-soft:#272c32;--shadow:none;";
/// What was drawn for white paper keeps it: images of the content, and a logo that is for white alone.
const PLATES: &str = ".public main img{background:#fff}.public .top .plate{background:#fff;border-radius:6px;\
    padding:.3rem .5rem}";

/// The typeface, and the colours as custom properties, for light and where `dark` is true; text on them is chosen for
/// contrast.
fn css(brand: &BrandProfile, typeface: Option<Typeface>, dark: &str) -> String {
    let (primary, accent) = (brand.primary, brand.accent);
    let by_day = colours([primary, primary.legible_on_white(), accent, accent.legible_on_white()]);
    // Band and button are no text, and must be told from the ground all the same.
    let by_night = colours([
        primary.legible_on_night(3.0),
        primary.legible_on_night(4.5),
        accent.legible_on_night(3.0),
        accent.legible_on_night(4.5),
    ]);
    let letters = typeface.map(letters).unwrap_or_default();
    format!("{letters}.public{{{by_day}}}\n@media {dark}{{.public{{{NIGHT}{by_night}}}{PLATES}}}\n")
}

fn colours([brand, brand_text, accent, accent_text]: [Colour; 4]) -> String {
    let (on_brand, on_accent) = (brand.text_on(), accent.text_on());
    format!(
        "--brand:{brand};--on-brand:{on_brand};--brand-text:{brand_text};--accent:{accent};--on-accent:{on_accent};\
         --accent-text:{accent_text}"
    )
}

/// Its three cuts, and that pages wear it. Letters that it lacks come from the reader's system.
fn letters(typeface: Typeface) -> String {
    let (family, mut css) = (typeface.family(), String::new());
    for (cut, weight, style) in
        [("regular", 400, "normal"), ("bold", 700, "normal"), ("italic", 400, "italic")]
    {
        let address = font_address(typeface, cut);
        let _ = writeln!(
            css,
            "@font-face{{font-family:\"{family}\";font-style:{style};font-weight:{weight};font-display:swap;\
             src:url({address}) format(\"woff2\")}}"
        );
    }
    let others = if typeface.has_serifs() {
        "Georgia,\"Noto Serif\",serif"
    } else {
        "system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif"
    };
    let _ = writeln!(css, ".public{{font-family:\"{family}\",{others}}}");
    css
}

fn font_address(typeface: Typeface, cut: &str) -> String {
    statics::address(&format!("fonts/{}-{cut}.woff2", typeface.as_str()))
}

fn version(css: &str) -> String {
    Sha256::digest(css.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// What the address of a style sheet asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Scheme {
    scheme: String,
}

/// `GET /p/{partner}/brand.css`; with `?scheme=dark` it is dark on every device.
pub async fn style_sheet(
    State(ctx): State<Arc<Context>>,
    Path(partner): Path<String>,
    Query(Scheme { scheme }): Query<Scheme>,
) -> Answer {
    let setting = Setting::of(&ctx, &partner, None).await?;
    // Before the first sync there is no vendor, and none of its typeface.
    let vendors = setting.library.vendor.as_ref().and_then(|vendor| vendor.typeface);
    let brand = &setting.partner.brand;
    let css = css(brand, brand.typeface.or(vendors), if scheme == "dark" { "all" } else { DARK });
    let response: Response = statics::kept("text/css; charset=utf-8", css.into_bytes());
    Ok(response)
}

#[cfg(test)]
impl BrandView {
    /// Northlight.
    pub fn sample() -> Self {
        Self {
            name: "Northlight MSP".into(),
            css: "/p/northlight/brand.css".into(),
            font: Some("/static/fonts/fira-sans-regular.woff2".into()),
            logo: Some("/media/northlight.png".into()),
            logo_dark: Some("/media/northlight-dark.png".into()),
            dark: DARK,
            logo_alt: "Northlight MSP".into(),
            home: "/p/northlight".into(),
            feed: "/p/northlight/feed".into(),
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

    fn brand(text: &str) -> BrandProfile {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn text_on_a_partner_s_colours_can_be_read_by_day_and_by_night() {
        let css = css(&brand("primary = \"#ffee00\"\naccent = \"#1a2f6b\"\n"), None, DARK);
        let (day, night) = css.split_once("@media screen and (prefers-color-scheme: dark)").unwrap();
        assert!(day.contains("--brand:#ffee00;--on-brand:#1b1f24"), "{css}");
        assert!(day.contains("--accent:#1a2f6b;--on-accent:#ffffff"), "{css}");
        assert!(!day.contains("@font-face"), "a brand without a typeface loads none");
        assert!(night.contains("--brand-text:#ffee00") && !night.contains("--accent:#1a2f6b"), "{night}");
        let value = |name: &str| {
            let at = night.find(name).unwrap() + name.len();
            Colour::try_from(night[at..at + 7].to_owned()).unwrap()
        };
        assert!(value("--accent-text:").contrast(Colour::NIGHT) >= 4.5);
        assert!(value("--accent:").contrast(Colour::NIGHT) >= 3.0);
        assert!(value("--on-accent:").contrast(value("--accent:")) >= 4.5);
        assert!(
            value("--ink:").contrast(Colour::NIGHT) >= 7.0 && value("--soft:").contrast(Colour::NIGHT) >= 4.5
        );
        assert_eq!(value("--card:"), Colour::NIGHT, "the ground that logos and colours are checked on");
        assert_eq!(version(&css).len(), 8);
    }

    #[test]
    fn only_the_brand_s_own_typeface_is_loaded_and_its_files_are_there() {
        for (word, typeface) in Typeface::WORDS {
            let css = css(&brand("primary = \"#123456\"\naccent = \"#1a2f6b\"\n"), Some(*typeface), DARK);
            assert_eq!(css.matches("font-display:swap").count(), 3, "{css}");
            let addresses: Vec<&str> =
                css.split("url(").skip(1).map(|rest| &rest[..rest.find(')').unwrap()]).collect();
            for address in addresses {
                let (path, version) = address.split_once("?v=").unwrap();
                assert!(path.starts_with(&format!("/static/fonts/{word}-")), "{address}");
                assert_eq!(version.len(), 12, "there is such a file: {address}");
            }
        }
    }
}
