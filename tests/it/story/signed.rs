//! Mail that is signed on its way out, as the mailbox got it.

use std::sync::Arc;

use partnercast::{
    domain::sender::dkim::DkimRecord,
    render::email::dkim::{DkimKey, Signer, SigningKey, verify},
};

use super::Rig;
use crate::harness::both_dbs;

const DOMAIN: &str = "partners.brackenfold.example";

fn signer() -> Signer {
    let key = |selector, pem: &[u8]| {
        DkimKey::new(DOMAIN, selector, None, SigningKey::from_pem(pem).unwrap()).unwrap()
    };
    Signer::new(vec![
        key("r1", include_bytes!("../../keys/rsa-2048.pem")),
        key("e1", include_bytes!("../../keys/ed25519.pem")),
    ])
    .unwrap()
}

both_dbs! {
    /// Every message of every window carries both signatures, and both hold after SMTP.
    async fn an_issue_is_signed_for_every_reader(db: Db) {
        let mut rig = Rig::new(db).await;
        Arc::get_mut(&mut rig.ctx).expect("nothing else holds it yet").signer = Arc::new(signer());
        rig.send_january().await;
        let published = |selector: &str, domain: &str| {
            assert_eq!(domain, DOMAIN);
            let signer = signer();
            let key = signer.keys().iter().find(|key| key.selector == selector)?;
            DkimRecord::parse(&key.key.record()).ok()
        };
        let caught = rig.mailbox.list(1_000).await.unwrap();
        assert_eq!(caught.len(), 33);
        for envelope in caught {
            let raw = rig.mailbox.raw(&envelope.id).await.unwrap();
            let found = verify(&raw, published);
            assert_eq!(found.len(), 2);
            for signature in found {
                assert_eq!(signature.result, Ok(()), "{} for {:?}", signature.selector, envelope.to);
                assert!(signature.signed.contains(&"list-unsubscribe-post".to_owned()));
            }
        }
        rig.assert_nothing_left().await;
    }
}
