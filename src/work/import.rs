//! Importing a roster: partners, contacts, brands and logos, all or nothing.

use std::{collections::HashSet, path::Path};

use super::{
    cobrand::Media,
    folder, person,
    sync::{checked_roster_of, to_store},
};
use crate::{
    domain::{
        content::library::{SourceFile, bytes_max},
        kernel::{Error, Random, Result, clock::UtcMs},
        partner::{
            Contact,
            roster::{Roster, RowFault},
        },
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

/// What a roster folder holds.
#[derive(Debug)]
pub enum Found {
    /// A roster that can be imported.
    Roster(Checked),
    /// Every fault in it.
    Faults(Vec<RowFault>),
}

/// Reads and checks a roster folder.
///
/// # Errors
/// `Invalid` with every fault: file, row, column, how to mend it.
pub async fn read(dir: &Path) -> Result<Checked> {
    match check(dir).await? {
        Found::Roster(roster) => Ok(roster),
        Found::Faults(faults) => {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            Err(Error::invalid(lines.join("\n")))
        }
    }
}

/// As [`read`], with the faults of rows and brands one by one.
///
/// # Errors
/// `Invalid` for a folder that is none of a roster, or too large.
pub async fn check(dir: &Path) -> Result<Found> {
    let files = folder::read_roster(dir).await?;
    // Before anything else: of a file that is larger only the beginning was read, and who stands behind it would be lost.
    if let Some(file) = files.iter().find(|file| file.bytes.len() > bytes_max(&file.path)) {
        let (path, most) = (&file.path, bytes_max(&file.path));
        return Err(Error::invalid(format!(
            "{path} has more than {most} bytes; split the roster by partners into several imports, or make the file smaller"
        )));
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
    match checked_roster_of(&files, &media) {
        Ok(Some(roster)) => Ok(Found::Roster(Checked { roster, logos })),
        Ok(None) => Err(Error::invalid("the roster is empty")),
        Err(faults) => Ok(Found::Faults(faults)),
    }
}

/// What an import would change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
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
    let people = person::without_erased(&mut tx, roster.contacts).await?;
    partners::import(&mut tx, now_ms, random, &roster.partners, &people).await?;
    audit::record(&mut tx, now_ms, random, "operator", "import", "roster", &detail).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::domain::{content::library::FILE_BYTES_MAX, partner::roster};

    /// A folder with one partner and a table of contacts that is at least `bytes` long, a row ending exactly there.
    fn folder_with(bytes: usize) -> (tempfile::TempDir, usize) {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "partners.csv",
            "slug,name,type,tier,region,city,zone,locale,verticals,parent,channel_manager_email,website\n\
             northlight,Northlight,msp,gold,americas,Minneapolis,America/Chicago,en,,,tom@vendor.example,https://n.example\n",
        );
        write("brands/northlight/brand.toml", "primary = \"#123456\"\naccent = \"#0a7d4b\"\n");
        let mut contacts =
            "partner,name,email,roles,locale,zone,lead_contact\nnorthlight,Dana,dana@n.example,sales,,,yes\n"
                .to_owned();
        let mut count = 1;
        while contacts.len() < bytes {
            let (row_bytes, left) =
                ("northlight,Reader,r0000000@n.example,sales,,,no\n".len(), bytes - contacts.len());
            // The last row before the place is as long as is left.
            let name = if left < 2 * row_bytes {
                "R".repeat(left - row_bytes + "Reader".len())
            } else {
                "Reader".to_owned()
            };
            writeln!(contacts, "northlight,{name},r{count:07}@n.example,sales,,,no").unwrap();
            count += 1;
        }
        assert_eq!(contacts.len(), bytes);
        // Who would be lost if the reading ended there.
        for _ in 0..10 {
            writeln!(contacts, "northlight,Reader,r{count:07}@n.example,sales,,,no").unwrap();
            count += 1;
        }
        write("contacts.csv", &contacts);
        (dir, count)
    }

    #[tokio::test]
    async fn nobody_is_lost_behind_the_limit_of_other_files() {
        let (dir, count) = folder_with(FILE_BYTES_MAX + 1);
        assert_eq!(read(dir.path()).await.unwrap().roster.contacts.len(), count);
    }

    #[tokio::test]
    async fn a_table_that_is_too_large_is_refused_whole() {
        let (dir, _) = folder_with(roster::FILE_BYTES_MAX + 1);
        let refused = read(dir.path()).await.unwrap_err();
        assert!(
            refused.public().starts_with("roster/contacts.csv has more than 10485760 bytes"),
            "{refused:?}"
        );
    }
}
