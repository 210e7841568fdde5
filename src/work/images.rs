//! Images of a content folder that cannot be shown: a file that only says it is a PNG, or one that would need more memory
//! than a mail's image is worth.

use super::sync;
use crate::domain::{
    content::{
        Finding, SourceFile,
        finding::{Findings, Place, codes},
    },
    partner::logo,
};

/// A finding for each of `files` that is an image and cannot be decoded.
pub(super) fn findings(files: &[SourceFile]) -> Vec<Finding> {
    let images = files.iter().filter(|file| sync::is_image(&file.path));
    images
        .filter_map(|file| logo::look(&file.bytes).err().map(|error| finding(&file.path, error.public())))
        .collect()
}

/// The finding about the image at `path`.
pub(super) fn finding(path: &str, why: &str) -> Finding {
    let mut found = Findings::new(path, "");
    found.add(codes::BAD_IMAGE, Place::START, why, "save it again as a PNG that is small enough");
    found.finish().remove(0)
}
