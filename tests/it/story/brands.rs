//! A brand's typeface and its logo for dark grounds, from the folder to mail, pages and documents.

use std::{fs, path::Path};

use partnercast::{
    domain::{content::Severity, kernel::Locale, partner::Typeface},
    store::{contents, partners},
    work::{documents, import, sync},
};

use super::{Rig, console::get, rig::copied};
use crate::harness::both_dbs;

const PAPER: &str = "whitepapers/proof-of-recovery";
const NIGHT: &str = "<source srcset=\"/media/";

/// Changes a file of the folder; `text` is given what stands there.
fn change(folder: &Path, file: &str, text: impl FnOnce(String) -> String) {
    let path = folder.join(file);
    let now = text(fs::read_to_string(&path).unwrap_or_default());
    fs::write(path, now).unwrap();
}

/// Syncs the folder and its roster; the errors found.
async fn synced(rig: &Rig, folder: &Path) -> Vec<String> {
    let synced = sync::sync(&rig.ctx, folder, true).await.unwrap();
    let errors = synced.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(ToString::to_string).collect()
}

both_dbs! {
    /// Two logos and a typeface are stored with the brand, served from our own address, and leave with the files.
    async fn a_brand_is_worn_by_day_and_by_night(db: Db) {
        let rig = Rig::new(db).await;
        let brand = partners::partner(&rig.ctx.db, "northlight").await.unwrap().unwrap().brand;
        assert_eq!(brand.typeface, Some(Typeface::FiraSans));
        let dark = brand.logo_dark.unwrap();
        assert_ne!(Some(&dark), brand.logo.as_ref());
        assert!(contents::file(&rig.ctx.db, &dark).await.unwrap().is_some());

        let (_, page) = get(&rig, &format!("/p/northlight/{PAPER}")).await;
        assert!(page.contains(&format!("{NIGHT}{dark}.png\" media=\"screen and (prefers-color-scheme: dark)\"")), "{page}");
        assert!(page.contains("<link rel=\"preload\" href=\"/static/fonts/fira-sans-regular.woff2?v="));
        let (_, css) = get(&rig, "/p/northlight/brand.css").await;
        assert_eq!(css.matches("@font-face").count(), 3, "its own and no other: {css}");
        let (_, plain) = get(&rig, "/p/fjellvakt/brand.css").await;
        assert!(!plain.contains("@font-face") && plain.contains("prefers-color-scheme: dark"), "{plain}");
        let (_, console) = get(&rig, "/console/partners/northlight").await;
        assert!(console.contains(&format!("/media/{dark}.png")) && console.contains("Fira Sans"));

        let folder = tempfile::tempdir().unwrap();
        copied(folder.path());
        for ending in ["png", "svg"] {
            fs::remove_file(folder.path().join(format!("roster/brands/northlight/logo-dark.{ending}"))).unwrap();
        }
        assert_eq!(synced(&rig, folder.path()).await, [""; 0]);
        let (_, page) = get(&rig, &format!("/p/northlight/{PAPER}")).await;
        assert!(!page.contains(NIGHT) && page.contains("<img class=\"plate\""), "{page}");
    }

    /// In mail the second logo hides behind the first; beside a partner without one the vendor's is the usual one, too.
    async fn mail_shows_the_logo_that_fits_the_ground(db: Db) {
        let rig = Rig::new(db).await;
        rig.send_january().await;
        let northlight = rig.mail_to("luis.ortega@northlight.example").await.html.unwrap();
        let dark = partners::partner(&rig.ctx.db, "northlight").await.unwrap().unwrap().brand.logo_dark.unwrap();
        assert!(northlight.contains(&format!("/media/{dark}.png")));
        assert_eq!(northlight.matches("class=\"on-dark\"").count(), 2, "the partner's and the vendor's");
        assert!(northlight.contains("Trebuchet MS") && !northlight.contains("/static/fonts"), "nothing is fetched but images");
        assert!(northlight.len() < 100_000, "{}", northlight.len());
        let wattlebird = rig.mail_to("bronte.hale@wattlebird.example").await.html.unwrap();
        assert!(!wattlebird.contains("on-dark") && wattlebird.contains("Rockwell"));
    }

    /// A plain SVG alone is drawn, also where a roster is imported by itself.
    async fn a_drawn_logo_for_dark_grounds_comes_with_an_import_too(db: Db) {
        let rig = Rig::new(db).await;
        let folder = tempfile::tempdir().unwrap();
        copied(folder.path());
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 2\"><rect width=\"6\" height=\"2\" fill=\"#cde\"/></svg>";
        fs::write(folder.path().join("roster/brands/solaria/logo-dark.svg"), svg).unwrap();
        let checked = import::read(&folder.path().join("roster")).await.unwrap();
        import::import(&rig.ctx.db, rig.clock_ms(), &*rig.ctx.random, checked).await.unwrap();
        let brand = partners::partner(&rig.ctx.db, "solaria").await.unwrap().unwrap().brand;
        let drawn = brand.logo_dark.unwrap();
        assert!(contents::file(&rig.ctx.db, &drawn).await.unwrap().is_some());
        let (_, page) = get(&rig, "/p/solaria").await;
        assert!(page.contains(&format!("{NIGHT}{drawn}.png")), "{page}");

        fs::write(folder.path().join("roster/brands/solaria/logo-dark.svg"), svg.replace("<rect", "<script/><rect")).unwrap();
        let errors = synced(&rig, folder.path()).await;
        assert!(errors.len() == 1 && errors[0].contains("logo-dark.svg") && errors[0].contains("add logo-dark.png"), "{errors:?}");
    }

    /// A partner's typeface sets their documents; who chose none wears the vendor's. A name that is none changes nothing.
    async fn a_typeface_sets_documents_and_a_wrong_name_changes_nothing(db: Db) {
        let rig = Rig::new(db).await;
        let paper = async |partner: &str| {
            let pdf = documents::for_customers(&rig.ctx, partner, PAPER, &Locale::en()).await.unwrap().pdf;
            assert!(pdf.len() < 300_000, "{}", pdf.len());
            String::from_utf8_lossy(&pdf).into_owned()
        };
        let sets = |pdf: &str, family: &str| pdf.contains(&format!("+{family}-Regular"));
        let fira = paper("northlight").await;
        assert!(sets(&fira, "FiraSans") && !sets(&fira, "Inter") && !sets(&fira, "LibertinusSerif"));
        let usual = paper("fjellvakt").await;
        assert!(sets(&usual, "Inter") && sets(&usual, "LibertinusSerif"));

        let folder = tempfile::tempdir().unwrap();
        copied(folder.path());
        let brand = "roster/brands/northlight/brand.toml";
        change(folder.path(), brand, |text| text.replace("fira-sans", "Fira Sanz"));
        let errors = synced(&rig, folder.path()).await.join("\n");
        assert!(errors.contains("brand.toml:3") && errors.contains("did you mean `fira-sans`?"), "{errors}");
        assert_eq!(paper("northlight").await, fira, "the brand stays as it was");

        change(folder.path(), brand, |text| text.replace("Fira Sanz", "zilla-slab"));
        change(folder.path(), "vendor.toml", |text| text.replace("[brand]", "[brand]\ntypeface = \"jost\""));
        assert_eq!(synced(&rig, folder.path()).await, [""; 0]);
        assert!(sets(&paper("northlight").await, "ZillaSlab"));
        assert!(sets(&paper("fjellvakt").await, "Jost"), "the vendor's");
        assert!(get(&rig, "/p/fjellvakt/brand.css").await.1.contains("/static/fonts/jost-bold.woff2"));
    }
}
