//! What others' analytics are told of a link of ours: by whom, in what, for what (`utm_*`).

/// The mail that a link stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utm {
    /// The partner's slug.
    pub source: String,
    /// The channel: `email`.
    pub medium: String,
    /// Newsletter or sequence, of newsletters with the date.
    pub campaign: String,
    /// The file that the link stands in.
    pub content: String,
}

impl Utm {
    /// `target` with what it is told. An address that says something of the kind itself, or is no web address, stays as it is.
    pub fn tell(&self, target: &str) -> String {
        let is_web = target.starts_with("https://") || target.starts_with("http://");
        let (address, fragment) = match target.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (target, None),
        };
        let query = address.split_once('?').map(|(_, query)| query);
        let says = |query: &str| query.split('&').any(|pair| pair.starts_with("utm_"));
        if !is_web || query.is_some_and(says) {
            return target.to_owned();
        }
        let mut told = address.to_owned();
        let mut joint = match query {
            None => '?',
            Some("") => '\0',
            Some(_) => '&',
        };
        let pairs = [
            ("source", &self.source),
            ("medium", &self.medium),
            ("campaign", &self.campaign),
            ("content", &self.content),
        ];
        for (key, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            if joint != '\0' {
                told.push(joint);
            }
            joint = '&';
            told.push_str("utm_");
            told.push_str(key);
            told.push('=');
            // Slugs and dates; whatever else is there must not become another pair.
            told.extend(
                value.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' }),
            );
        }
        if let Some(fragment) = fragment {
            told.push('#');
            told.push_str(fragment);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_and_nobody_is_told_twice() {
        let utm = Utm {
            source: "northlight".into(),
            medium: "email".into(),
            campaign: "fold-forward-2027-01-12".into(),
            content: "a/b&c=d".into(),
        };
        let said =
            "utm_source=northlight&utm_medium=email&utm_campaign=fold-forward-2027-01-12&utm_content=a-b-c-d";
        for (target, told) in [
            ("https://v.example/", format!("https://v.example/?{said}")),
            ("https://v.example/a?b=c", format!("https://v.example/a?b=c&{said}")),
            ("https://v.example/a?", format!("https://v.example/a?{said}")),
            ("https://v.example/a#top", format!("https://v.example/a?{said}#top")),
            ("https://v.example/a?utm_source=theirs#x", "https://v.example/a?utm_source=theirs#x".into()),
            ("https://v.example/a#?utm_source=x", format!("https://v.example/a?{said}#?utm_source=x")),
            ("/p/northlight/blog/x", "/p/northlight/blog/x".into()),
            ("mailto:a@b.example", "mailto:a@b.example".into()),
        ] {
            assert_eq!(utm.tell(target), told);
        }
    }
}
