//! Addresses that mail comes back to, each signed for one delivery: whoever cannot sign can report nothing.
//!
//! `b+<delivery><mac>@domain` is the envelope sender of a message, where bounces go (RFC 5321 section 4.5.5);
//! `unsubscribe+<delivery><mac>@domain` stands in its `List-Unsubscribe` (RFC 2369 section 3.2). Mail servers may change
//! the case of a local part, so it is base32, and it may have 64 bytes (RFC 5321 section 4.5.3.1.1).

use crate::domain::kernel::{
    clock::{DAY_MS, UtcMs},
    id::DeliveryId,
    token::{Keys, Purpose},
};

/// How long after it was made a delivery may be reported on: queues give up after days, not months.
const AGE_MAX_MS: i64 = 60 * DAY_MS;
/// What a return path begins with.
const BOUNCE: &str = "b+";
/// What an address for unsubscribing begins with.
const UNSUBSCRIBE: &str = "unsubscribe+";

/// What an address of ours, rightly signed, is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressed {
    /// Reports on this delivery.
    Report(DeliveryId),
    /// Unsubscribing by the reader of this delivery.
    Unsubscribe(DeliveryId),
}

/// The envelope sender of a delivery.
pub fn return_path(keys: &Keys, delivery: DeliveryId, domain: &str) -> String {
    format!("{BOUNCE}{}@{domain}", keys.sign_for_address(Purpose::ReturnPath, &delivery.to_bytes()))
}

/// The address that unsubscribes the reader of a delivery.
pub fn unsubscribe_address(keys: &Keys, delivery: DeliveryId, domain: &str) -> String {
    format!("{UNSUBSCRIBE}{}@{domain}", keys.sign_for_address(Purpose::UnsubscribeMail, &delivery.to_bytes()))
}

/// Reads an address, with or without angle brackets; nothing unless we signed it. The domain is not looked at: it may
/// have been another when the mail was sent, and it proves nothing.
pub fn read(keys: &Keys, address: &str) -> Option<Addressed> {
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    let (local, _) = address.rsplit_once('@')?;
    let signed = |mark: &str, purpose| {
        let head = local.get(..mark.len()).filter(|head| head.eq_ignore_ascii_case(mark))?;
        keys.verify_from_address::<16>(purpose, &local[head.len()..]).ok().map(DeliveryId::from_bytes)
    };
    signed(BOUNCE, Purpose::ReturnPath)
        .map(Addressed::Report)
        .or_else(|| signed(UNSUBSCRIBE, Purpose::UnsubscribeMail).map(Addressed::Unsubscribe))
}

/// Whether an address has the form of ours, signed or not.
pub fn looks_like_ours(address: &str) -> bool {
    let address = address.trim().trim_start_matches('<').to_ascii_lowercase();
    address.starts_with(BOUNCE) || address.starts_with(UNSUBSCRIBE)
}

/// Whether a delivery of `created_ms` is too old for a report to mean anything.
pub fn is_too_old(created_ms: UtcMs, now_ms: UtcMs) -> bool {
    now_ms.saturating_sub(created_ms) > AGE_MAX_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::{EmailAddress, random::SeededRandom};

    #[test]
    fn addresses_read_back_in_any_case_and_serve_one_purpose() {
        let keys = Keys::new(&[vec![3; 32]]).unwrap();
        let id = DeliveryId::new(1_799_744_400_000, &SeededRandom::new(1));
        let path = return_path(&keys, id, "bounces.vendor.example");
        let stop = unsubscribe_address(&keys, id, "bounces.vendor.example");
        for address in [&path, &stop] {
            assert!(EmailAddress::parse(address).is_ok(), "{address}");
            assert!(address.split('@').next().unwrap().len() <= 64, "{address}");
            assert!(looks_like_ours(address));
        }
        assert_eq!(read(&keys, &path.to_uppercase()), Some(Addressed::Report(id)));
        assert_eq!(read(&keys, &format!("<{path}>")), Some(Addressed::Report(id)));
        assert_eq!(read(&keys, &stop), Some(Addressed::Unsubscribe(id)));
        assert_eq!(read(&keys, &path.replacen("b+", "unsubscribe+", 1)), None);
        assert_eq!(read(&Keys::new(&[vec![4; 32]]).unwrap(), &path), None);
        for wrong in ["", "b+@x.example", "b+é@x.example", "@", "postmaster@x.example", "b+"] {
            assert_eq!(read(&keys, wrong), None, "{wrong}");
        }
        assert!(looks_like_ours("b+forged@x.example") && !looks_like_ours("bob@x.example"));
    }

    #[test]
    fn a_report_of_last_year_is_too_old() {
        assert!(!is_too_old(0, 60 * DAY_MS));
        assert!(is_too_old(0, 60 * DAY_MS + 1));
        assert!(!is_too_old(i64::MAX, i64::MIN));
    }
}
