//! Partners' logos that lie in the folder as SVG alone: drawn as PNG, which is all that anything else ever sees.

use std::collections::HashSet;

use crate::domain::{
    content::{
        Finding, SourceFile,
        finding::{Findings, Place, codes},
    },
    partner::svg,
};

/// Those of `files` that are a partner's `logo.svg` or `logo-dark.svg` without a PNG of that name beside it, and the
/// path of that.
fn alone(files: &[SourceFile]) -> Vec<(&SourceFile, String)> {
    let paths: HashSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let png_of = |path: &str| {
        let (folder, name) = path.strip_prefix("roster/brands/")?.split_once('/')?;
        let name = name.strip_suffix(".svg").filter(|name| matches!(*name, "logo" | "logo-dark"))?;
        Some(format!("roster/brands/{folder}/{name}.png"))
    };
    files
        .iter()
        .filter_map(|file| Some((file, png_of(&file.path)?)))
        .filter(|(_, png)| !paths.contains(png.as_str()))
        .collect()
}

/// Adds the PNG of each; one that cannot be drawn is left to [`findings`].
pub(super) fn add(files: &mut Vec<SourceFile>) {
    let drawn: Vec<SourceFile> = alone(files)
        .into_iter()
        .filter_map(|(file, path)| Some(SourceFile { path, bytes: svg::drawn(&file.bytes).ok()? }))
        .collect();
    files.extend(drawn);
}

/// Why some could not be drawn.
pub(super) fn findings(files: &[SourceFile]) -> Vec<Finding> {
    let mut all = Vec::new();
    for (file, png) in alone(files) {
        if let Err(error) = svg::drawn(&file.bytes) {
            let mut found = Findings::new(&file.path, "");
            let name = png.rsplit('/').next().unwrap_or_default();
            let fix = format!("mend the SVG, or add {name} beside it");
            found.add(codes::BAD_IMAGE, Place::START, error.public(), fix);
            all.extend(found.finish());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::sync;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    const GOOD: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 4 2\"><rect width=\"4\" height=\"2\"/></svg>";

    #[test]
    fn an_svg_alone_is_drawn_and_one_beside_a_png_is_left() {
        let mut files = vec![
            file("roster/brands/a/logo.svg", GOOD),
            file("roster/brands/b/logo.svg", GOOD),
            file("roster/brands/b/logo.png", "as it is"),
            file("images/logo.svg", GOOD),
            file("roster/brands/b/logo-dark.svg", GOOD),
        ];
        add(&mut files);
        let drawn: Vec<&str> = files[5..].iter().map(|file| file.path.as_str()).collect();
        assert_eq!(drawn, ["roster/brands/a/logo.png", "roster/brands/b/logo-dark.png"]);
        assert!(files[5..].iter().all(|file| file.bytes.starts_with(b"\x89PNG")));
        assert!(findings(&files).is_empty());
    }

    #[test]
    fn one_that_cannot_be_drawn_is_a_finding_of_check() {
        let mut files = vec![file("roster/brands/a/logo.svg", &GOOD.replace("<rect", "<script/><rect"))];
        add(&mut files);
        assert_eq!(files.len(), 1);
        let lines: Vec<String> = sync::read(&files, 0).findings.iter().map(ToString::to_string).collect();
        let line = lines.iter().find(|line| line.contains("C204")).unwrap();
        assert!(line.contains("roster/brands/a/logo.svg:1:1 error") && line.contains("<script>"), "{line}");
    }
}
