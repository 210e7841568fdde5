//! The images of a folder, each decoded once, however often the folder is read.

use std::collections::HashMap;

use crate::{
    domain::{
        content::{Finding, SourceFile},
        partner::logo,
    },
    store::contents::NewFile,
    work::{cobrand::Media, images, sync, tokens::sha256_hex},
};

/// What is known of images: the hash of their bytes as they lie in the folder, and as they are shown, or why they are not.
#[derive(Debug, Default)]
pub(super) struct Images {
    known: HashMap<String, Result<String, String>>,
}

impl Images {
    /// The images of `files` by path, and those that are not stored yet. One that cannot be decoded is not shown, and
    /// a finding says why.
    pub(super) fn of(&mut self, files: &[SourceFile]) -> (Media, Vec<NewFile>, Vec<Finding>) {
        let (mut media, mut new, mut present) = (Media::new(), Vec::new(), HashMap::new());
        let mut findings = Vec::new();
        for file in files.iter().filter(|file| sync::is_image(&file.path)) {
            let raw = sha256_hex(&file.bytes);
            let hash = self.known.remove(&raw).or_else(|| present.get(&raw).cloned()).unwrap_or_else(|| {
                let png = logo::sanitise(&file.bytes).map_err(|error| error.public().to_owned())?;
                let stored = sync::image(&file.path, &png);
                let hash = stored.hash.clone();
                new.push(stored);
                Ok(hash)
            });
            match &hash {
                Ok(hash) => drop(media.insert(file.path.clone(), hash.clone())),
                Err(why) => findings.push(images::finding(&file.path, why)),
            }
            present.insert(raw, hash);
        }
        self.known = present;
        (media, new, findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_cannot_be_decoded_is_named_at_every_reading() {
        let file = SourceFile { path: "images/a.png".to_owned(), bytes: b"GIF89a".to_vec() };
        let mut images = Images::default();
        for _ in 0..2 {
            let (media, new, findings) = images.of(std::slice::from_ref(&file));
            assert!(media.is_empty() && new.is_empty());
            assert_eq!(
                (findings.len(), findings[0].code, findings[0].file.as_str()),
                (1, "C204", "images/a.png")
            );
        }
    }
}
