//! Importing a roster: partners, contacts, brands and logos, all or nothing.

use std::{collections::HashSet, path::Path};

use super::{
    cobrand::Media,
    folder,
    sync::{roster_of, to_store},
};
use crate::{
    domain::{
        content::library::SourceFile,
        kernel::{Error, Random, Result, clock::UtcMs},
        partner::{Contact, roster::Roster},
    },
    store::{
        Db, audit,
        contents::{self, NewBody, NewFile},
        partners,
    },
};

/// A roster that has been checked, with its logos.
#[derive(Debug)]
pub struct Checked {
    roster: Roster,
    logos: Vec<NewFile>,
}

/// Reads and checks a roster folder.
///
/// # Errors
/// `Invalid` with every fault: file, row, column, how to mend it.
pub async fn read(dir: &Path) -> Result<Checked> {
    let mut files = folder::read(dir).await?;
    for file in &mut files {
        // As in a content folder, so that both are read by the same code.
        file.path = format!("roster/{}", file.path);
    }
    let (mut media, mut logos) = (Media::new(), Vec::new());
    for file in &files {
        if let Some(stored) = to_store(file)?
            && matches!(stored.body, NewBody::Binary { .. })
        {
            media.insert(stored.path.clone(), stored.hash.clone());
            logos.push(stored);
        }
    }
    let missing = |files: &[SourceFile]| {
        ["partners.csv", "contacts.csv"]
            .into_iter()
            .find(|name| !files.iter().any(|file| file.path == format!("roster/{name}")))
    };
    if let Some(name) = missing(&files) {
        return Err(Error::invalid(format!("{} has no {name}", dir.display())));
    }
    let roster = roster_of(&files, &media)?.ok_or_else(|| Error::invalid("the roster is empty"))?;
    Ok(Checked { roster, logos })
}

/// What an import would change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Partners to be added.
    pub partners_new: usize,
    /// Partners to be brought up to date.
    pub partners_known: usize,
    /// Contacts to be added.
    pub contacts_new: usize,
    /// Contacts to be brought up to date.
    pub contacts_known: usize,
    /// People of these partners who are not listed any more.
    pub contacts_gone: usize,
}

/// Compares a roster with what is stored.
///
/// # Errors
/// Those of the store.
pub async fn compare(db: &Db, checked: &Checked) -> Result<Change> {
    let slugs: HashSet<String> =
        partners::all_partners(db).await?.into_iter().map(|partner| partner.slug.to_string()).collect();
    let listed: HashSet<String> = checked.roster.contacts.iter().map(|contact| contact.email.key()).collect();
    let partners_listed: HashSet<&str> = checked.roster.partners.iter().map(|p| p.slug.as_str()).collect();
    let mut contacts_gone = 0;
    let (mut addresses, mut after) = (HashSet::new(), String::new());
    loop {
        let page = partners::contacts(db, &after).await?;
        let Some(last) = page.last() else { break };
        after = last.id.to_string();
        let is_gone = |contact: &Contact| {
            partners_listed.contains(contact.partner.as_str()) && !listed.contains(&contact.email.key())
        };
        contacts_gone += page.iter().filter(|stored| is_gone(&stored.contact)).count();
        addresses.extend(page.into_iter().map(|stored| stored.contact.email.key()));
    }
    let roster = &checked.roster;
    let partners_known = roster.partners.iter().filter(|p| slugs.contains(p.slug.as_str())).count();
    let contacts_known = roster.contacts.iter().filter(|c| addresses.contains(&c.email.key())).count();
    Ok(Change {
        partners_new: roster.partners.len() - partners_known,
        partners_known,
        contacts_new: roster.contacts.len() - contacts_known,
        contacts_known,
        contacts_gone,
    })
}

/// Imports a checked roster in one transaction.
///
/// # Errors
/// Those of the store.
pub async fn import(db: &Db, now_ms: UtcMs, random: &dyn Random, checked: Checked) -> Result<()> {
    let Checked { roster, logos } = checked;
    let detail = format!("{} partners, {} contacts", roster.partners.len(), roster.contacts.len());
    let mut tx = db.begin().await?;
    contents::store_files(&mut tx, now_ms, logos).await?;
    partners::import(&mut tx, now_ms, random, &roster.partners, &roster.contacts).await?;
    audit::record(&mut tx, now_ms, random, "operator", "import", "roster", &detail).await?;
    tx.commit().await
}
