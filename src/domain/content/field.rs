//! Merge fields: the fixed list, and how an author writes one.

use serde::{Serialize, Serializer};

use super::{
    asset::AssetKind,
    finding::{At, Findings, codes, did_you_mean},
};
use crate::domain::kernel::text::is_unsafe;

macro_rules! fields {
    ($(#[doc = $meaning:literal] $name:ident $text:literal $scope:ident $empty:literal;)*) => {
        /// Something an author may leave to be filled in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field { $(#[doc = $meaning] $name,)* }

        impl Field {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name authors write.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What stands there.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning.trim_ascii_start(),)* }
            }

            /// Whether some partner or person may have no value for it.
            pub fn may_be_empty(self) -> bool {
                match self { $(Self::$name => $empty,)* }
            }

            fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$scope,)* }
            }
        }
    };
}

fields! {
    /// The partner's name.
    PartnerName "partner.name" Common false;
    /// What the partner promises.
    PartnerValueProposition "partner.value_proposition" Common true;
    /// Why to believe the partner.
    PartnerProof "partner.proof" Common true;
    /// Text of the partner's button.
    PartnerCallToAction "partner.call_to_action" Common true;
    /// The partner's city.
    PartnerCity "partner.city" Common false;
    /// The partner's site, a whole address.
    PartnerWebsite "partner.website" Common false;
    /// The partner's telephone number.
    PartnerPhone "partner.phone" Common true;
    /// The partner's person for customers.
    PartnerContactName "partner.contact_name" Common true;
    /// The partner's address for customers.
    PartnerContactEmail "partner.contact_email" Common false;
    /// The vendor's name.
    VendorName "vendor.name" Common false;
    /// The vendor's site, a whole address.
    VendorWebsite "vendor.website" Common false;
    /// Name of the vendor's channel manager for the partner.
    ChannelManagerName "channel_manager.name" Common false;
    /// Their address.
    ChannelManagerEmail "channel_manager.email" Common false;
    /// What to call the reader.
    ContactFirstName "contact.first_name" Letter true;
    /// The reader's full name.
    ContactName "contact.name" Letter false;
    /// What to call the lead.
    LeadFirstName "lead.first_name" Playbook false;
    /// Where the lead works.
    LeadCompany "lead.company" Playbook false;
    /// What the lead read or watched.
    LeadAsset "lead.asset" Playbook false;
}

impl Field {
    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.as_str() == name)
    }

    /// Whether it is a whole web address, which may begin a link.
    pub fn is_address(self) -> bool {
        matches!(self, Self::PartnerWebsite | Self::VendorWebsite)
    }

    /// Whether it is filled in `scope`.
    pub fn allowed_in(self, scope: Scope) -> bool {
        self.scope() == Scope::Common || self.scope() == scope
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Where a text stands, which decides the fields that are filled there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Assets that customers see, and consent texts: partner, vendor and channel manager.
    Common,
    /// Newsletters, sequences and their mails: the reader too.
    Letter,
    /// Playbooks: the lead too.
    Playbook,
}

impl From<AssetKind> for Scope {
    fn from(kind: AssetKind) -> Self {
        match kind {
            kind if kind.is_mail() => Self::Letter,
            AssetKind::Playbook => Self::Playbook,
            _ => Self::Common,
        }
    }
}

/// A field as used in a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct FieldUse {
    /// Which.
    pub field: Field,
    /// What stands there when it has no value.
    pub default: Option<String>,
}

/// Why a `{{` is no field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldFault {
    /// It cannot be read; says why.
    Malformed(&'static str),
    /// It can, but there is no such field.
    Unknown(String),
}

/// Reads a field at the start of `text`, which begins with `{{`. Returns how many bytes it takes, and the field.
pub fn read(text: &str) -> (usize, Result<FieldUse, FieldFault>) {
    let mut rest = Rest { text, at: 2 };
    match read_use(&mut rest) {
        Ok(name_and_default) => (rest.at, known(name_and_default)),
        Err(why) => {
            let line = text.find('\n').unwrap_or(text.len());
            let end = text[..line].find("}}").map_or(2, |at| at + 2);
            (end, Err(FieldFault::Malformed(why)))
        }
    }
}

fn known((name, default): (&str, Option<String>)) -> Result<FieldUse, FieldFault> {
    match Field::parse(name) {
        Some(field) => Ok(FieldUse { field, default }),
        None => Err(FieldFault::Unknown(name.chars().take(60).collect())),
    }
}

struct Rest<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Rest<'t> {
    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let found = self.text[self.at..].starts_with(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn word(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn quoted(&mut self) -> Option<String> {
        let rest = &self.text[self.at..];
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let mut text = String::new();
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\n' => return None,
                '\\' => text.push(chars.next().map(|(_, c)| c).filter(|c| *c != '\n')?),
                _ if c == quote => {
                    self.at += at + 1;
                    return Some(text);
                }
                _ => text.push(c),
            }
        }
        None
    }
}

fn read_use<'t>(rest: &mut Rest<'t>) -> Result<(&'t str, Option<String>), &'static str> {
    rest.blanks();
    let name = rest.word();
    if name.is_empty() {
        return Err("a field's name is wanted after `{{`");
    }
    rest.blanks();
    let mut default = None;
    if rest.eat("|") || rest.eat("\\|") {
        rest.blanks();
        if !rest.eat("default") {
            return Err("only `default:` may follow the `|`");
        }
        rest.blanks();
        if !rest.eat(":") {
            return Err("a `:` is wanted after `default`");
        }
        rest.blanks();
        default = Some(rest.quoted().ok_or("a text in quotes is wanted after `default:`")?);
        rest.blanks();
    }
    if rest.eat("}}") { Ok((name, default)) } else { Err("it is not closed with `}}`") }
}

/// What a correct field looks like, for fixes.
pub const EXAMPLE: &str =
    "write it as {{ partner.name }} or {{ partner.proof | default: \"...\" }}, on one line";

/// Names what is wrong with a use of a field in `scope`. Returns the use where it can be kept.
pub fn check(
    read: Result<FieldUse, FieldFault>,
    scope: Scope,
    at: At,
    findings: &mut Findings<'_>,
) -> Option<FieldUse> {
    let mut used = match read {
        Ok(used) => used,
        Err(FieldFault::Malformed(why)) => {
            findings.add(codes::MALFORMED_FIELD, at, format!("a merge field cannot be read: {why}"), EXAMPLE);
            return None;
        }
        Err(FieldFault::Unknown(name)) => {
            let known = Field::ALL.iter().filter(|f| f.allowed_in(scope)).map(|f| f.as_str());
            let message = format!("there is no merge field `{name}`");
            findings.add(codes::UNKNOWN_FIELD, at, message, did_you_mean(&name, known));
            return None;
        }
    };
    let field = used.field;
    if !field.allowed_in(scope) {
        let home = if field.scope() == Scope::Letter { "newsletters and issues" } else { "playbooks" };
        findings.add(
            codes::FIELD_NOT_HERE,
            at,
            format!("`{}` is filled in {home} only", field.as_str()),
            "remove it, or say it without the field",
        );
        return None;
    }
    if field.may_be_empty() && used.default.is_none() {
        findings.add(
            codes::NO_DEFAULT,
            at,
            format!("`{}` may be empty and has no default", field.as_str()),
            format!("write {{{{ {} | default: \"...\" }}}}", field.as_str()),
        );
    }
    if let Some(default) = used.default.as_mut().filter(|default| default.contains(is_unsafe)) {
        default.retain(|c| !is_unsafe(c));
        findings.add(codes::UNSAFE_CHARACTER, at, "a default holds a control character", "remove it");
    }
    Some(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_with_and_without_default() {
        let (length, used) = read("{{ partner.proof | default: \"Ask \\\"us\\\" }}\" }} tail");
        assert_eq!(length, 46);
        let used = used.unwrap();
        assert_eq!(used.field, Field::PartnerProof);
        assert_eq!(used.default.unwrap(), "Ask \"us\" }}");
        assert_eq!(read("{{partner.name}}").1.unwrap().field, Field::PartnerName);
        assert_eq!(read("{{ partner.nam }}").1, Err(FieldFault::Unknown("partner.nam".to_owned())));
        for bad in [
            "{{",
            "{{ }}",
            "{{ partner.name",
            "{{ partner.name | upper }}",
            "{{ partner.name | default: x }}",
        ] {
            assert!(matches!(read(bad).1, Err(FieldFault::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn every_name_parses_back() {
        assert!(Field::ALL.iter().all(|field| Field::parse(field.as_str()) == Some(*field)));
    }
}
