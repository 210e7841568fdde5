use super::*;
use crate::domain::sender::dkim::DkimRecord;

const RSA: &[u8] = include_bytes!("../../../../tests/keys/rsa-2048.pem");
const RSA_PKCS1: &[u8] = include_bytes!("../../../../tests/keys/rsa-2048-pkcs1.pem");
const RSA_NEXT: &[u8] = include_bytes!("../../../../tests/keys/rsa-2048-next.pem");
const ED25519: &[u8] = include_bytes!("../../../../tests/keys/ed25519.pem");
const NOW_MS: UtcMs = 1_799_744_400_000;

const MAIL: &str = "From: \"News @ Vendor\" <news@partners.vendor.example>\r\nTo: a@b.example\r\n\
    Subject: =?utf-8?b?w7g=?=\r\n folded\r\nList-Unsubscribe: <https://vendor.example/one-click/x>\r\n\
    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nX-Other: y\r\n\r\nHello  there \r\n\r\nsee you\r\n";

fn key(pem: &[u8]) -> SigningKey {
    SigningKey::from_pem(pem).unwrap()
}

fn entry(domain: &str, selector: &str, from_ms: Option<UtcMs>, pem: &[u8]) -> DkimKey {
    DkimKey::new(domain, selector, from_ms, key(pem)).unwrap()
}

fn signer() -> Signer {
    Signer::new(vec![entry("vendor.example", "r", None, RSA), entry("vendor.example", "e", None, ED25519)])
        .unwrap()
}

fn signed(mail: &str) -> Vec<u8> {
    let mut bytes = signer().sign(mail.as_bytes(), NOW_MS).unwrap();
    bytes.extend_from_slice(mail.as_bytes());
    bytes
}

/// What each signature of `message` says, given the published halves of `signer`'s keys.
fn verdicts(message: &[u8]) -> Vec<Result<(), String>> {
    let signer = signer();
    let published = |selector: &str, domain: &str| {
        let key = signer.keys().iter().find(|key| key.selector == selector && key.domain == domain)?;
        DkimRecord::parse(&key.key.record()).ok()
    };
    verify(message, published).into_iter().map(|verified| verified.result).collect()
}

#[test]
fn both_kinds_sign_and_hold() {
    let message = signed(MAIL);
    assert_eq!(verdicts(&message), [Ok(()), Ok(())]);
    let text = String::from_utf8(message).unwrap();
    assert!(text.starts_with("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=vendor.example;\r\n s=r; t=1799744400;\r\n h=From:From:Subject:Subject:To:"));
    assert!(
        text.contains("List-Unsubscribe:\r\n  List-Unsubscribe-Post")
            || text.contains("List-Unsubscribe:List-Unsubscribe-Post")
    );
    assert!(
        text.lines().take_while(|line| !line.starts_with("From:")).all(|line| line.len() <= 78),
        "{text}"
    );
}

#[test]
fn whitespace_may_change_on_the_way_and_nothing_else() {
    let message = String::from_utf8(signed(MAIL)).unwrap();
    for harmless in [
        message.replace("Hello  there \r\n", "Hello there\r\n"),
        message.replace("\r\n folded", " folded"),
        message.replace("Subject: ", "subject:   "),
        message.replace("X-Other: y", "X-Other: z\r\nReceived: by relay"),
        message.clone() + "\r\n\r\n",
    ] {
        assert_eq!(verdicts(harmless.as_bytes()), [Ok(()), Ok(())], "{harmless}");
    }
    for tampered in [
        message.replace("see you", "see me"),
        message.replace("Hello  there", "Hellothere"),
        message.clone() + "more\r\n",
        message.replace("folded", "unfolded"),
        message.replace("vendor.example/one-click", "other.example/one-click"),
        message.replace("Post: List-Unsubscribe=One-Click", "Post: no"),
        message.replace("t=1799744400", "t=1799744401"),
        // A second one: above and below the true one, whichever a reader's program shows.
        format!("From: boss@bank.example\r\n{message}"),
        message.replace("X-Other: y", "From: boss@bank.example"),
        message.replace("X-Other: y", "Subject: pay now"),
    ] {
        let said = verdicts(tampered.as_bytes());
        assert!(said.len() == 2 && said.iter().all(Result::is_err), "{tampered}");
    }
}

#[test]
fn bodies_of_every_shape_hold() {
    let long = "x".repeat(990);
    for body in [
        "",
        "\r\n",
        "\r\n\r\n\r\n",
        "text",
        "text\r\n\r\n\r\n",
        " \t\r\n text \t\r\n",
        "\u{f8} 8-bit \u{65e5}\r\n",
        "..\r\n.\r\n",
        &long,
    ] {
        let mail = format!("From: news@vendor.example\r\nSubject: s\r\n\r\n{body}");
        assert_eq!(verdicts(&signed(&mail)), [Ok(()), Ok(())], "{body:?}");
        let mut cut = signed(&mail);
        cut.splice(cut.len() - body.len().., *b"other\r\n");
        assert!(verdicts(&cut).iter().all(Result::is_err), "{body:?}");
    }
    // No body at all, not even the empty line.
    assert_eq!(verdicts(&signed("From: news@vendor.example\r\nSubject: s\r\n")), [Ok(()), Ok(())]);
}

#[test]
fn the_example_of_rfc_8463_holds() {
    // Appendix A.3, made by somebody else.
    let message = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n \
        q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n \
        Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\nFrom: Joe SixPack <joe@football.example.com>\r\n\
        To: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n\
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
        Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
    let record =
        DkimRecord::parse("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=").unwrap();
    let found = verify(message.as_bytes(), |selector, domain| {
        assert_eq!((selector, domain), ("brisbane", "football.example.com"));
        Some(record.clone())
    });
    assert_eq!(found[0].result, Ok(()));
    assert_eq!(found[0].signed.iter().filter(|name| *name == "from").count(), 2);
}

#[test]
fn keys_are_read_from_every_usual_file_and_match_their_record() {
    assert_eq!(key(RSA).record(), key(RSA_PKCS1).record());
    assert_eq!((key(RSA).bits(), key(ED25519).bits()), (2048, 256));
    let record = DkimRecord::parse(&key(RSA).record()).unwrap();
    assert!(key(RSA).matches(&record));
    assert!(!key(RSA_NEXT).matches(&record) && !key(ED25519).matches(&record));
    // The same bytes as OpenSSL writes for a public key.
    let public = include_str!("../../../../tests/keys/public.pem");
    let public: String = public.lines().filter(|line| !line.starts_with('-')).collect();
    assert!(key(RSA).record().ends_with(&public));
    assert!(!format!("{:?}", key(RSA)).contains("PRIVATE"));
}

#[test]
fn keys_that_cannot_sign_say_why_and_how_to_make_one() {
    let refused = |pem: &[u8]| SigningKey::from_pem(pem).unwrap_err().public().to_owned();
    for (pem, why) in [
        (&include_bytes!("../../../../tests/keys/rsa-1024.pem")[..], "shorter than 2048 bits"),
        (&include_bytes!("../../../../tests/keys/ec.pem")[..], "neither RSA nor Ed25519"),
        (&include_bytes!("../../../../tests/keys/encrypted.pem")[..], "passphrase"),
        (&include_bytes!("../../../../tests/keys/public.pem")[..], "holds a public key"),
        (b"hello", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be used"),
    ] {
        let said = refused(pem);
        assert!(said.contains(why) && said.contains("openssl"), "{why}: {said}");
    }
}

#[test]
fn the_nearest_domain_signs_and_a_new_selector_takes_over_at_its_time() {
    let keys = vec![
        entry("vendor.example", "old", None, RSA),
        entry("Vendor.example", "new", Some(NOW_MS), RSA_NEXT),
        entry("news.vendor.example", "own", Some(NOW_MS + 5), RSA),
    ];
    let signer = Signer::new(keys).unwrap();
    let selectors = |domain: &str, now_ms| -> Vec<&str> {
        signer.active(domain, now_ms).into_iter().map(|key| key.selector.as_str()).collect()
    };
    assert_eq!(selectors("vendor.example", NOW_MS - 1), ["old"]);
    assert_eq!(selectors("VENDOR.example", NOW_MS), ["new"]);
    assert_eq!(selectors("news.vendor.example", NOW_MS), ["new"], "its own does not sign yet");
    assert_eq!(selectors("a.news.vendor.example", NOW_MS + 5), ["own"]);
    for other in ["example", "notvendor.example", "vendor.example.org", ""] {
        assert!(selectors(other, NOW_MS).is_empty(), "{other}");
    }
    let foreign = "From: a@other.example\r\n\r\nx\r\n";
    assert!(signer.sign(foreign.as_bytes(), NOW_MS).unwrap().is_empty());
    assert!(signer.sign(b"Subject: x\r\n\r\n", NOW_MS).is_err(), "a message without From");
}

#[test]
fn entries_that_contradict_each_other_are_refused_together() {
    let error = Signer::new(vec![
        entry("vendor.example", "a", None, RSA),
        entry("vendor.example", "A", None, ED25519),
        entry("vendor.example", "b", None, RSA_NEXT),
    ])
    .unwrap_err();
    assert!(error.public().contains("twice") && error.public().contains("at the same time"), "{error}");
    for (domain, selector) in [("example", "a"), ("a b.example", "a"), ("a.example", ""), ("", "x;y")] {
        assert!(DkimKey::new(domain, selector, None, key(ED25519)).is_err(), "{domain} {selector}");
    }
}
