//! Bundles: what a partner gets to use, opened by another program.

use std::{collections::BTreeMap, process::Command};

use partnercast::{
    domain::kernel::Locale,
    work::bundle::{self, Bundle},
};

use super::Rig;
use crate::harness::both_dbs;

/// The files of a bundle as Python's zipfile reads them: path, and text where it is text.
fn opened(bundle: &Bundle) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(&bundle.name);
    std::fs::write(&path, &bundle.bytes).unwrap();
    let script = "import json, sys, zipfile\n\
        archive = zipfile.ZipFile(sys.argv[1])\n\
        assert archive.testzip() is None\n\
        print(json.dumps({n: archive.read(n).decode('utf-8', 'replace') for n in archive.namelist()}))\n";
    let output = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

both_dbs! {
    /// A kit holds everything in it, in the partner's brand and with their links; the same bytes each time.
    async fn a_kit_is_ready_to_use(db: Db) {
        let rig = Rig::new(db).await;
        let kit = "kits/proof-of-recovery";
        let bundle = bundle::bundle(&rig.ctx, "northlight", kit, Some(&Locale::en())).await.unwrap();
        assert_eq!(bundle.name, "proof-of-recovery-northlight-en.zip");
        let files = opened(&bundle);
        for path in [
            "README.md",
            "proof-of-recovery.html",
            "whitepapers/proof-of-recovery/proof-of-recovery.md",
            "whitepapers/proof-of-recovery/mail.html",
            "social/restore-question/restore-question.linkedin.txt",
            "webinars/live-restore-in-20-minutes/live-restore-in-20-minutes.ics",
            "playbooks/proof-of-recovery/proof-of-recovery.txt",
            "videos/restore-in-eleven-minutes/images/social-restore-score.png",
        ] {
            assert!(files.contains_key(path), "{path} is not among {:?}", files.keys());
        }
        let all_links_are_theirs = |text: &str| {
            text.match_indices("http://partnercast.test/p/").all(|(at, _)| text[at..].contains("/p/northlight"))
        };
        assert!(files.values().all(|text| all_links_are_theirs(text)));
        let paper = &files["whitepapers/proof-of-recovery/proof-of-recovery.md"];
        assert!(paper.contains("38 clinics and hospitals"), "their own intro: {paper}");
        assert!(paper.contains("A clinic in our care, November 2026"));
        let mail = &files["whitepapers/proof-of-recovery/mail.html"];
        assert!(mail.contains("class=\"on-dark\" src=\"http://partnercast.test/media/"), "their logo for dark grounds: {mail}");
        assert!(!files.keys().any(|path| path.starts_with("playbooks/") && path.ends_with("mail.html")));
        for path in ["proof-of-recovery.pdf", "whitepapers/proof-of-recovery/proof-of-recovery.pdf"] {
            let pdf = files.get(path);
            assert_eq!(pdf.is_some(), cfg!(feature = "pdf"), "{path}");
            assert!(pdf.is_none_or(|pdf| pdf.starts_with("%PDF")), "{path}");
        }
        let again = bundle::bundle(&rig.ctx, "northlight", kit, Some(&Locale::en())).await.unwrap();
        assert!(again.bytes == bundle.bytes, "deterministic");
        let german = bundle::bundle(&rig.ctx, "rheinbogen", kit, None).await.unwrap();
        let readme = &opened(&german)["README.md"];
        assert!(readme.contains("für einen Platz hinter einem eigenen Formular") && readme.contains("Tag 1."), "{readme}");
    }

    /// What a partner does not have is not in their kit, and cannot be asked for.
    async fn a_bundle_holds_only_what_is_theirs(db: Db) {
        let rig = Rig::new(db).await;
        let sheet = bundle::bundle(&rig.ctx, "northlight", "datasheets/fold-proof", None).await.unwrap();
        assert_eq!(opened(&sheet).contains_key("fold-proof.pdf"), cfg!(feature = "pdf"));
        let study = "case-studies/wexley-college";
        let found = bundle::bundle(&rig.ctx, "thornbury", study, Some(&Locale::en())).await.unwrap();
        assert!(opened(&found)["wexley-college.html"].contains("Wexley College teaches 2,300 students"));
        let refused = bundle::bundle(&rig.ctx, "northlight", study, Some(&Locale::en())).await.unwrap_err();
        assert_eq!(refused.public(), "this asset was not found");
    }
}
