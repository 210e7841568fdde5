//! The Tera templates: mail and pages through one engine, checked as a whole when loaded.
//!
//! Only the vendor's developers write templates. What authors and partners type is data to them, always escaped
//! in files whose name ends in `.html` or `.xml`. An undefined variable is an error, not an empty string.

use std::path::Path;

use serde::Serialize;
use tera::{Context, ErrorKind, Tera};

use crate::domain::kernel::{Error, Locale, Result};

use super::{files, strings::Languages, strings::Strings};

/// Names ending so are templates; everything else in the folder is data (strings, fonts, Typst).
const TEMPLATE_SUFFIXES: [&str; 4] = [".html", ".txt", ".xml", ".ics"];

/// All templates, the texts of the interface and the layouts of documents, ready to use. Cheap to share in an `Arc`.
#[derive(Debug)]
pub struct Templates {
    tera: Tera,
    languages: Languages,
    #[cfg(feature = "pdf")]
    layouts: super::document::Layouts,
}

impl Templates {
    /// Loads the embedded files, each replaced by the file of the same name under `folder` where there is one.
    ///
    /// # Errors
    /// A file that cannot be read or a template that is wrong; says which file and line.
    pub fn load(folder: Option<&Path>) -> Result<Self> {
        let files = files::load(folder)?;
        let mut tera = Tera::new();
        tera.autoescape_on([".html", ".xml"]);
        let mut sources = Vec::new();
        for (name, bytes) in &files {
            let is_data = name.starts_with("locales/") || name.starts_with("document/");
            if !is_data && TEMPLATE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
                sources.push((name.as_str(), files::text(name, bytes)?));
            }
        }
        tera.add_raw_templates(sources).map_err(|error| Error::invalid(place(&error)))?;
        Ok(Self {
            tera,
            languages: Languages::load(&files)?,
            #[cfg(feature = "pdf")]
            layouts: super::document::Layouts::load(&files)?,
        })
    }

    /// Fills the template `name` (its path under `templates/`) with the fields of `data`, which must serialise to
    /// a map.
    ///
    /// # Errors
    /// No such template, a variable that `data` lacks; file and line are in the private cause.
    pub fn render(&self, name: &str, data: &impl Serialize) -> Result<String> {
        let context = Context::from_serialize(data)
            .map_err(|error| Error::internal(format!("data for templates/{name}: {error}")))?;
        self.tera.render(name, &context).map_err(|error| Error::internal(place(&error)))
    }

    /// Whether there is a template of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.tera.contains_template(name)
    }

    /// The interface's texts in the language of `locale`, dated and counted as there.
    pub fn strings(&self, locale: &Locale) -> Strings {
        self.languages.of(locale, locale)
    }

    /// The interface's texts to go with content in `language`, dated and counted as `reader` is used to: English
    /// content has other dates for an American than for a reader in Britain or Germany.
    pub fn strings_for(&self, language: &Locale, reader: &Locale) -> Strings {
        self.languages.of(language, reader)
    }

    /// The language of those texts: `locale`, where there are any in it, else English.
    pub fn language(&self, locale: &Locale) -> Locale {
        if self.languages.have(locale) { locale.clone() } else { Locale::en() }
    }

    /// The languages that the interface speaks, as tags in their order.
    pub fn languages(&self) -> Vec<String> {
        self.languages.tags()
    }

    /// The Typst layouts of documents.
    #[cfg(feature = "pdf")]
    pub(super) fn layouts(&self) -> &super::document::Layouts {
        &self.layouts
    }
}

/// What is wrong, with file and line where the engine knows them.
fn place(error: &tera::Error) -> String {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
            let (file, line) = (report.filename(), report.span().start_line);
            format!("templates/{file}, line {line}: {}\n{error}", report.message())
        }
        _ => format!("templates: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(name: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        folder
    }

    #[test]
    fn a_file_on_disk_replaces_the_embedded_one_and_html_is_escaped() {
        let folder = folder_with("email/probe.html", "<p>{{ name }}</p>");
        let templates = Templates::load(Some(folder.path())).unwrap();
        let data = serde_json::json!({"name": "<script>"});
        assert_eq!(templates.render("email/probe.html", &data).unwrap(), "<p>&lt;script&gt;</p>");
        assert!(templates.contains("email/newsletter.mjml.html"), "the embedded ones are still there");
    }

    #[test]
    fn a_wrong_template_is_refused_with_file_and_line() {
        let folder = folder_with("email/probe.html", "one\n{% if %}\n");
        let error = Templates::load(Some(folder.path())).unwrap_err();
        assert!(error.public().contains("templates/email/probe.html, line 2"), "{}", error.public());
        let folder = folder_with("email/probe.html", "one\n\n{{ name | no_such_filter }}\n");
        let error = Templates::load(Some(folder.path())).unwrap_err();
        assert!(error.public().contains("email/probe.html"), "{}", error.public());
    }

    #[test]
    fn an_undefined_variable_is_an_error() {
        let folder = folder_with("email/probe.html", "{{ name }}");
        let templates = Templates::load(Some(folder.path())).unwrap();
        let error = templates.render("email/probe.html", &serde_json::json!({})).unwrap_err();
        assert!(error.detail().contains("email/probe.html, line 1"), "{}", error.detail());
        assert!(!error.public().contains("probe"), "the public text carries no internals");
    }
}
