//! The images of a folder, each decoded once, however often the folder is read.

use std::collections::HashMap;

use crate::{
    domain::content::SourceFile,
    store::contents::NewFile,
    work::{cobrand::Media, sync, tokens::sha256_hex},
};

/// What is known of images: the hash of their bytes as they lie in the folder, and as they are shown.
#[derive(Debug, Default)]
pub(super) struct Images {
    known: HashMap<String, Option<String>>,
}

impl Images {
    /// The images of `files` by path, and those that are not stored yet. One that cannot be decoded is not shown, and
    /// the findings say why.
    pub(super) fn of(&mut self, files: &[SourceFile]) -> (Media, Vec<NewFile>) {
        let (mut media, mut new, mut present) = (Media::new(), Vec::new(), HashMap::new());
        for file in files.iter().filter(|file| sync::is_image(&file.path)) {
            let raw = sha256_hex(&file.bytes);
            let hash = self.known.remove(&raw).or_else(|| present.get(&raw).cloned()).unwrap_or_else(|| {
                let stored = sync::to_store(file).ok().flatten()?;
                let hash = stored.hash.clone();
                new.push(stored);
                Some(hash)
            });
            if let Some(hash) = &hash {
                media.insert(file.path.clone(), hash.clone());
            }
            present.insert(raw, hash);
        }
        self.known = present;
        (media, new)
    }
}
