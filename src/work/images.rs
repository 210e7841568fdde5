//! Images of a content folder that cannot be shown: a file that only says it is a PNG, or one that would need more memory
//! than a mail's image is worth.

use std::collections::HashMap;

use super::sync;
use crate::{
    domain::{
        content::{
            Finding, SourceFile,
            finding::{Findings, Place, codes},
        },
        partner::logo,
    },
    store::contents::NewFile,
};

/// A finding for each of `files` that is an image and cannot be decoded.
pub(super) fn findings(files: &[SourceFile]) -> Vec<Finding> {
    let images = files.iter().filter(|file| sync::is_image(&file.path));
    images
        .filter_map(|file| logo::look(&file.bytes).err().map(|error| finding(&file.path, error.public())))
        .collect()
}

/// The images of `files` as they are stored, by path, and a finding for each that cannot be decoded.
pub(super) fn encoded(files: &[SourceFile]) -> (HashMap<String, NewFile>, Vec<Finding>) {
    let (mut encoded, mut findings) = (HashMap::new(), Vec::new());
    for file in files.iter().filter(|file| sync::is_image(&file.path)) {
        match logo::sanitise(&file.bytes) {
            Ok(png) => drop(encoded.insert(file.path.clone(), sync::image(&file.path, &png))),
            Err(error) => findings.push(finding(&file.path, error.public())),
        }
    }
    (encoded, findings)
}

/// The finding about the image at `path`.
pub(super) fn finding(path: &str, why: &str) -> Finding {
    let mut found = Findings::new(path, "");
    found.add(codes::BAD_IMAGE, Place::START, why, "save it again as a PNG that is small enough");
    found.finish().remove(0)
}
