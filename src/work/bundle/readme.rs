//! What is in an archive and what to do with it, in the partner's language.

use super::{
    Entry,
    own_mail::{FIRST_NAME, UNSUBSCRIBE},
};
use crate::{
    domain::{
        content::tree::{Inline, Node},
        kernel::Result,
    },
    render::{
        Strings,
        markdown::{self, MarkdownHooks},
    },
};

/// What an archive is about.
pub(super) struct About<'a> {
    /// The title of the asset or kit.
    pub title: &'a str,
    /// Whose archive it is.
    pub partner: &'a str,
    /// Who made it.
    pub vendor: &'a str,
    /// What to do when, of a kit.
    pub checklist: &'a [String],
}

/// The README, as Markdown in which no word of an author or a partner is markup.
pub(super) fn readme(strings: &Strings, about: &About<'_>, contents: &[Entry]) -> Result<String> {
    let names = [("partner", about.partner), ("vendor", about.vendor)];
    let made = strings.fill("bundle_made", &names);
    let mut text = format!("# {}\n\n{}\n\n", plain(about.title), plain(&made));
    for entry in contents {
        text.push_str(&format!("## {}\n\n{}\n\n", plain(&entry.title), plain(&entry.text)));
        if let Some(url) = &entry.url {
            text.push_str(&format!("{}: <{url}>\n\n", strings.get("bundle_page")));
        }
        for file in &entry.files {
            text.push_str(&format!("- `{file}` – {}\n", strings.get(purpose(file, entry))));
        }
        text.push('\n');
    }
    let has_mail = contents.iter().flat_map(|entry| &entry.files).any(|file| file.ends_with("mail.html"));
    if has_mail {
        tags(strings, &mut text);
    }
    if !about.checklist.is_empty() {
        text.push_str(&format!("## {}\n\n", strings.get("bundle_checklist")));
        about.checklist.iter().for_each(|line| text.push_str(&format!("- [ ] {}\n", plain(line))));
    }
    Ok(text)
}

/// What common mailing systems want in place of the placeholders of a mail: first name, unsubscribe link.
const TAGS: [(&str, &str, &str); 7] = [
    ("Mailchimp", "*|FNAME|*", "*|UNSUB|*"),
    ("Brevo", "{{ contact.FIRSTNAME }}", "{{ unsubscribe }}"),
    ("HubSpot", "{{ contact.firstname }}", "{{ unsubscribe_link }}"),
    ("ActiveCampaign", "%FIRSTNAME%", "%UNSUBSCRIBELINK%"),
    ("Mautic", "{contactfield=firstname}", "{unsubscribe_url}"),
    ("CleverReach", "{FIRSTNAME}", "{UNSUBSCRIBE}"),
    ("Campaign Monitor", "[firstname]", "<unsubscribe></unsubscribe>"),
];

/// How the mail is made ready for the partner's own system.
fn tags(strings: &Strings, text: &mut String) {
    let of = |key| strings.get(key);
    text.push_str(&format!("## {}\n\n{}\n\n", of("bundle_tags"), of("bundle_tags_text")));
    text.push_str(&format!(
        "{}: `{FIRST_NAME}`; {}: `{UNSUBSCRIBE}`\n\n",
        of("bundle_tags_first"),
        of("bundle_tags_stop")
    ));
    for (system, first_name, stop) in TAGS {
        text.push_str(&format!("* {system}: `{first_name}`, `{stop}`\n"));
    }
    text.push('\n');
}

/// Words as Markdown that says just these words.
fn plain(words: &str) -> String {
    let hooks = MarkdownHooks { link: &|_| String::new(), image: &|_| None };
    markdown::markdown(&[Node::Paragraph(vec![Inline::Text(words.to_owned())])], &hooks).trim().to_owned()
}

/// What a file is for, as the key of a text.
fn purpose(path: &str, entry: &Entry) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.rsplit_once('.') {
        _ if name == "mail.html" => "bundle_mail",
        _ if name == "mail.txt" => "bundle_mail_txt",
        Some((_, "pdf" | "html")) if !entry.for_customers => "bundle_insiders",
        Some((_, "pdf")) => "bundle_pdf",
        Some((_, "html")) if entry.is_gated => "bundle_gated",
        Some((_, "html")) => "bundle_html",
        Some((_, "md")) => "bundle_md",
        Some((_, "ics")) => "bundle_ics",
        Some((stem, "txt")) => match stem.rsplit_once('.').map(|(_, word)| word) {
            Some("alt") => "bundle_alt",
            Some(_) => "bundle_post",
            None => "bundle_txt",
        },
        Some((_, "png")) => "bundle_image",
        _ => "bundle_file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::kernel::Locale, render::Templates};

    #[test]
    fn words_are_no_markup() {
        let strings = Templates::load(None).unwrap().strings(&Locale::en());
        let entry = Entry {
            for_customers: true,
            is_gated: false,
            title: "[x](javascript:1)".to_owned(),
            text: "# <b>1</b>".to_owned(),
            url: None,
            files: vec!["a.html".to_owned(), "a.alt.txt".to_owned()],
        };
        let about = About { title: "*T*", partner: "A_b_", vendor: "`V`", checklist: &["1. one".to_owned()] };
        let text = readme(&strings, &about, &[entry]).unwrap();
        let html = pulldown_cmark::Parser::new(&text).collect::<Vec<_>>();
        use pulldown_cmark::{Event, Tag};
        assert!(
            !html.iter().any(|event| matches!(
                event,
                Event::Start(Tag::Link { .. } | Tag::Emphasis | Tag::Strong)
                    | Event::InlineHtml(_)
                    | Event::Html(_)
            )),
            "{text}"
        );
        assert_eq!(html.iter().filter(|event| matches!(event, Event::Start(Tag::Heading { .. }))).count(), 3);
        assert!(text.contains("- `a.alt.txt` – what stands for the image"), "{text}");
    }
}
