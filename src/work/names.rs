//! Partners' names, for people who read; slugs are for addresses, arguments and programs.

use std::collections::BTreeMap;

use crate::{
    domain::kernel::Result,
    store::{Db, partners},
};

/// Partners' names by slug.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Those of all partners.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn load(db: &Db) -> Result<Self> {
        let all = partners::all_partners(db).await?;
        Ok(Self(all.into_iter().map(|it| (it.slug.to_string(), it.name)).collect()))
    }

    /// All slugs with their names, by slug.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(slug, name)| (slug.as_str(), name.as_str()))
    }

    /// The name of a partner; the slug itself of one that nobody knows.
    pub fn of<'n>(&'n self, slug: &'n str) -> &'n str {
        self.0.get(slug).map_or(slug, String::as_str)
    }
}
