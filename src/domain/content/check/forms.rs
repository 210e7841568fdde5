//! Whether assets name forms that there are, and forms texts and assets that there are.

use super::{
    super::{
        asset::Asset,
        finding::{Finding, Findings, codes, did_you_mean},
        form::{FORMS, built_in_names},
    },
    Check, place_of,
};

impl Check<'_> {
    /// The form that an asset chooses.
    pub(super) fn lead_form(&self, asset: &Asset, f: &mut Findings<'_>) {
        let Some(named) = &asset.front.lead_form else { return };
        if !asset.kind().is_for_customers() {
            let message = format!("a {} has no page of its own to show a form on", asset.kind().as_str());
            f.add(codes::BAD_VALUE, place_of(asset, "lead_form:"), message, "remove `lead_form`");
            return;
        }
        if self.library.form(named.as_str()).is_some() {
            return;
        }
        let own = self.library.forms.keys().map(String::as_str);
        let known: Vec<&str> = own.chain(built_in_names().map(|name| -> &str { name })).collect();
        let fix = did_you_mean(named.as_str(), known);
        let message = format!("there is no form `{named}` in `{FORMS}/`");
        f.add(codes::BAD_VALUE, place_of(asset, "lead_form:"), message, fix);
    }

    /// What forms name and the folder does not have.
    pub(super) fn forms(&mut self) -> Vec<Finding> {
        let mut all = Vec::new();
        let library = self.library;
        for (slug, form) in &library.forms {
            let path = format!("{FORMS}/{slug}.toml");
            let mut f = Findings::new(&path, "");
            let (consent, place) = &form.consent;
            if library.rules.consent(consent.as_str()).is_none() {
                let known = library.rules.consent.iter().map(|text| text.id.as_str());
                let fix = did_you_mean(consent.as_str(), known);
                let message = format!("rules/consent.toml has no text `{consent}`");
                f.add(codes::BAD_VALUE, *place, message, fix);
            }
            if let Some(unlocks) = &form.unlocks {
                self.reference(unlocks.as_str(), || unlocks.place, &[], &mut f);
            }
            all.extend(f.finish());
        }
        all
    }
}
