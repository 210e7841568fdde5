//! Logos that are hard to see: a white one for white paper, a dark one for readers who like it dark.

use std::sync::LazyLock;

use super::{cache::Cache, tokens::sha256_hex};
use crate::domain::{
    content::{
        Finding, SourceFile,
        finding::{Findings, Place, codes},
        vendor::Vendor,
    },
    partner::{brand::Colour, logo},
};

/// What was found of an image on a ground: a preview reads the folder with every save, and decoding takes its time.
static KNOWN: LazyLock<Cache<bool>> = LazyLock::new(|| Cache::new(1_024));

/// Findings on partners' logos and the vendor's, each on the ground that it is for.
pub(super) fn findings(files: &[SourceFile], vendor: Option<&Vendor>) -> Vec<Finding> {
    let mut all = Vec::new();
    for file in files {
        let Some(is_for_dark) = is_for_dark(&file.path, vendor) else { continue };
        let ground = if is_for_dark { Colour::NIGHT } else { Colour::WHITE };
        if !is_faint(&file.bytes, ground) {
            continue;
        }
        // One that was drawn is known to its author as what it was drawn from.
        let drawn_from = file.path.strip_suffix(".png").map(|stem| format!("{stem}.svg"));
        let drawn_from = drawn_from.filter(|svg| files.iter().any(|other| other.path == *svg));
        let mut f = Findings::new(drawn_from.as_deref().unwrap_or(&file.path), "");
        let (ground_name, fix) = if is_for_dark {
            (
                "the dark ground",
                "draw it in light colours, or take it away: the other one then stands on a white plate",
            )
        } else {
            ("white", "draw it in darker colours; the one for dark grounds is a file of its own")
        };
        f.add(
            codes::FAINT_LOGO,
            Place::START,
            format!("the logo is hard to see on {ground_name} ({ground})"),
            fix,
        );
        all.extend(f.finish());
    }
    all
}

/// For which ground the image at `path` is, where it is a logo.
fn is_for_dark(path: &str, vendor: Option<&Vendor>) -> Option<bool> {
    if let Some(vendor) = vendor {
        if vendor.logo == path {
            return Some(false);
        }
        if vendor.logo_dark.as_deref() == Some(path) {
            return Some(true);
        }
    }
    match path.strip_prefix("roster/brands/")?.split_once('/')?.1 {
        "logo.png" => Some(false),
        "logo-dark.png" => Some(true),
        _ => None,
    }
}

fn is_faint(png: &[u8], ground: Colour) -> bool {
    let key = format!("{ground} {}", sha256_hex(png));
    let known = KNOWN.get(&key);
    *known.unwrap_or_else(|| KNOWN.put(&key, logo::is_faint(png, ground)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::partner::svg;

    fn logo(path: &str, colour: &str) -> SourceFile {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 4\"><rect width=\"4\" height=\"2\" fill=\"{colour}\"/></svg>"
        );
        SourceFile { path: path.to_owned(), bytes: svg::drawn(svg.as_bytes()).unwrap() }
    }

    #[test]
    fn each_logo_is_judged_on_the_ground_it_is_for() {
        let files = [
            logo("roster/brands/a/logo.png", "#1a2f6b"),
            logo("roster/brands/a/logo-dark.png", "#f3f6ff"),
            logo("roster/brands/b/logo.png", "#fff6c8"),
            logo("roster/brands/b/logo-dark.png", "#1a2f6b"),
            logo("images/a.png", "#ffffff"),
        ];
        // The second time from memory.
        for _ in 0..2 {
            let said: Vec<String> = findings(&files, None).iter().map(ToString::to_string).collect();
            assert_eq!(said.len(), 2, "{said:#?}");
            assert!(said[0].starts_with("roster/brands/b/logo.png:1:1 warning C528"), "{said:#?}");
            assert!(said[0].contains("on white (#ffffff)") && said[0].contains("darker colours"));
            assert!(said[1].starts_with("roster/brands/b/logo-dark.png:1:1 warning C528"), "{said:#?}");
            assert!(said[1].contains("on the dark ground (#1f2429)") && said[1].contains("light colours"));
        }
    }
}
