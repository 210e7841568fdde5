//! What comes back by mail: the ways in that are configured, and whether we would take the right thing for it. Nothing is
//! fetched, marked or moved.

use super::{Finding, Group, Subject, WaysBack, certificate, return_path};
use crate::{
    channel::{
        mailbox::{
            Source, lmtp,
            look::{Fault, Step},
            parse,
        },
        probe::{Question, Url, ask},
    },
    domain::{
        delivery::{
            report::{Consequence, Report},
            return_path::return_path,
        },
        kernel::{
            EmailAddress,
            clock::{DAY_MS, HOUR_MS, MINUTE_MS},
            id::DeliveryId,
            token::Keys,
        },
        sender::dmarc::organisation_guess,
    },
    store::inspect::{self, CameBack},
    work::bounce,
};

/// Whom the report of the self-test is about.
const READER: &str = "nobody@reader.invalid";

/// The return path's self-test, every way in, and when something last came.
pub(super) async fn check(subject: &Subject) -> Vec<Finding> {
    let Some(domain) = &subject.return_path_domain else { return vec![without_domain(subject).await] };
    let mut findings = vec![self_test(subject, domain)];
    let ways = &subject.ways_back;
    let came = match &subject.db {
        Ok(db) => inspect::came_back(db).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let came_by = |source: &str| came.iter().any(|way| way.source == source);
    let fault = |fault: &String| {
        Finding::new(Group::Bounces, "bounce-source", "[bounces]")
            .fail(fault.clone(), "mend the entry; `serve` does not start with it")
    };
    findings.extend(ways.faults.iter().map(fault));
    for source in &ways.sources {
        findings.extend(one_source(subject, source).await);
    }
    if let Some(address) = &ways.lmtp {
        findings.push(by_lmtp(address, domain, came_by("lmtp")).await);
    }
    if let Some(secret) = &ways.http_secret {
        findings.push(by_http(subject, &secret.0, came_by("http")).await);
    }
    findings.push(last(subject, ways, &came, domain));
    findings
}

async fn without_domain(subject: &Subject) -> Finding {
    let finding = Finding::new(Group::Bounces, "return-path", "mail.return_path_domain");
    let senders = subject.sending_domains();
    let domain = senders.first().map_or("example.com", String::as_str);
    let better = format!("bounces.{}", organisation_guess(domain));
    let set = format!(
        "under [mail] set return_path_domain = \"{better}\", and under [bounces] a source for its mail"
    );
    if subject.is_catcher() {
        return finding.unknown(
            "it is not set; with the catcher nothing comes back",
            format!("before mail leaves, {set}"),
        );
    }
    let found = "it is not set: the sender's address is the return path, people read what comes back, and no bounce or \
                 complaint stops anybody";
    finding.warn(found, format!("{set}; {}", return_path::records(subject, &better).await))
}

/// A report that a mail server would send is taken for the mail that it is about, and a forged one for none. The mail is
/// made up, so the database has nothing to do with it.
fn self_test(subject: &Subject, domain: &str) -> Finding {
    let finding = Finding::new(Group::Bounces, "return-path", domain);
    let keys = match &subject.keys {
        Ok(keys) => keys,
        Err(_) => return finding.unknown("cannot be signed without the keys", "see the secrets below"),
    };
    let id = DeliveryId::from_bytes(
        subject.now_ms.unsigned_abs().to_be_bytes().repeat(2).try_into().unwrap_or_default(),
    );
    let ours = return_path(keys, id, domain);
    if let Err(error) = EmailAddress::parse(&ours) {
        return finding.fail(error.public(), "choose a shorter mail.return_path_domain");
    }
    // The last letter but one, for the last one of base32 holds bits that nobody reads.
    let at = ours.find('@').unwrap_or_default().saturating_sub(2);
    let other = if ours.as_bytes()[at] == b'a' { "b" } else { "a" };
    let forged = [&ours[..at], other, &ours[at + 1..]].concat();
    let is_ours = |to: &str| stops(keys, to, to) == Some(id);
    let taken = is_ours(&ours) && is_ours(&ours.to_uppercase());
    let refused = [forged, format!("b+@{domain}"), format!("postmaster@{domain}")]
        .iter()
        .all(|to| stops(keys, to, to).is_none());
    if taken && refused {
        finding.pass(format!(
            "a bounce to b+…@{domain} stops the address that its mail went to; a forged one changes nothing"
        ))
    } else {
        let found = if taken { "a forged bounce would stop somebody" } else { "a bounce would not be known" };
        finding.fail(found, "this is a fault of partnercast")
    }
}

/// The mail whose reader a bounce stops that comes to `to` and gives back a mail with the return path `returned`.
fn stops(keys: &Keys, to: &str, returned: &str) -> Option<DeliveryId> {
    let raw = report(to, returned);
    let parsed = parse(raw.as_bytes(), None);
    let (report, id, _) = bounce::signed(keys, &parsed).ok()?;
    let is_stop = matches!(report, Report::Bounce(_))
        && matches!(report.consequence(READER), Consequence::StopAddress(_));
    is_stop.then_some(id)
}

/// A delivery status notification as Postfix writes it (RFC 3464).
fn report(to: &str, returned: &str) -> String {
    format!(
        "Return-Path: <>\r\nX-Original-To: {to}\r\nFrom: MAILER-DAEMON@mx.relay.invalid (Mail Delivery System)\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nTo: {to}\r\nAuto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"B/1\"\r\n\r\n\
         --B/1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n<{READER}>: 550 5.1.1 User unknown\r\n\r\n\
         --B/1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.relay.invalid\r\n\r\n\
         Final-Recipient: rfc822; {READER}\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 <{READER}>: Recipient address rejected: User unknown\r\n\r\n\
         --B/1\r\nContent-Type: text/rfc822-headers\r\n\r\nReturn-Path: <{returned}>\r\nTo: <{READER}>\r\n\r\n--B/1--\r\n"
    )
}

async fn one_source(subject: &Subject, source: &Source) -> Vec<Finding> {
    let check = if matches!(source, Source::Imap(_)) { "bounce-imap" } else { "bounce-maildir" };
    let finding = Finding::new(Group::Bounces, check, source.place());
    let looked = match source.look().await {
        Ok(looked) => looked,
        Err(fault) => return vec![finding.fail(fault.why.clone(), mend(source, &fault))],
    };
    let way = if check == "bounce-imap" { "lets us in" } else { "can be read, and what is recorded moved" };
    let waiting = format!("{way}; {} messages wait to be taken", looked.waiting);
    let will_make = looked.will_make.map(|folder| format!("; its folder {folder} is made with the first"));
    let mut findings = vec![finding.pass(waiting + &will_make.unwrap_or_default())];
    if let Some(ends_ms) = looked.certificate_ends_ms {
        let finding = Finding::new(Group::Bounces, "bounce-imap-certificate", source.place());
        findings.push(certificate(
            finding,
            ends_ms,
            subject.now_ms,
            "let the mail server's operator renew it",
        ));
    }
    findings
}

fn mend(source: &Source, fault: &Fault) -> String {
    let place = match source {
        Source::Imap(place) => place,
        Source::Maildir(root) => {
            let root = root.display();
            return match fault.step {
                Step::PutAway => {
                    format!("let the user that runs `serve` write in {root}/new and {root}/cur, on one disk")
                }
                _ => format!(
                    "name the Maildir that the mail server delivers to in bounces.maildir, and let the user that runs `serve` \
                     read {root}/new"
                ),
            };
        }
    };
    match fault.step {
        Step::Reach => {
            format!("check host and port in bounces.imap, and that a firewall lets this machine reach {}", place.host())
        }
        Step::Tls => "use the name that the server's certificate is for; for a private authority set bounces.ca_file; for a \
                      port with STARTTLS write imap+starttls://"
            .to_owned(),
        Step::SignIn => {
            "check user and password in bounces.imap, percent-encoded (@ is %40, : is %3A, / is %2F); providers with a second \
             factor want a password made for programs"
                .to_owned()
        }
        _ => "name a folder that is there, as in imaps://…/INBOX; separators as the server has them".to_owned(),
    }
}

/// What the mail server has to be told stands there until something came by that way.
async fn by_lmtp(address: &str, domain: &str, came: bool) -> Finding {
    let finding = Finding::new(Group::Bounces, "bounce-lmtp", address);
    let relay = format!(
        "the mail server for {domain} has to hand its mail over here; with Postfix, add the domain to relay_domains, and to the \
         table of transport_maps:\n{domain} lmtp:inet:{address}"
    );
    match lmtp::listens(address).await {
        Ok(true) if came => finding.pass("partnercast listens there"),
        Ok(true) => finding.pass_with("partnercast listens there", relay),
        Ok(false) => finding.fail(
            "another program listens there",
            "stop it, or choose another port in bounces.lmtp and at the mail server",
        ),
        Err(why) => finding.warn(
            format!("nothing listens there, so the mail server keeps what comes back: {why}"),
            format!("start `partnercast serve`; {relay}"),
        ),
    }
}

/// Without a message nothing is recorded, whatever the secret opens.
async fn by_http(subject: &Subject, secret: &str, came: bool) -> Finding {
    let place = format!("{}/in/mail", subject.base_url());
    let finding = Finding::new(Group::Bounces, "bounce-http", place.clone());
    let relay = format!(
        "the relay has to hand over each message by:\nPOST {place}?to=<recipient>\nContent-Type: message/rfc822\n\
         Authorization: Bearer <bounces.http_secret>"
    );
    let Some(url) = Url::parse(&place) else {
        return finding.unknown("server.public_url is no web address", "see public-url above");
    };
    let here = url.host == "localhost" || url.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if !url.tls && !here {
        return finding
            .fail("the secret would cross the network as plain text", "write https:// in server.public_url");
    }
    let question = Question { url: &url, body: Some(""), bearer: Some(secret), addresses: &[] };
    match ask(&question).await {
        // A message is missing: the secret was right.
        Ok(seen) if seen.status == 422 && came => finding.pass("the secret opens it"),
        Ok(seen) if seen.status == 422 => finding.pass_with("the secret opens it", relay),
        Ok(seen) if seen.status == 403 => finding.fail(
            "the partnercast there knows another secret, or the proxy takes Authorization away",
            "restart `serve` with this configuration, and let the proxy hand Authorization on",
        ),
        Ok(seen) => finding.fail(
            format!("it answers {}", seen.status),
            format!(
                "restart `serve` with this configuration, and let the proxy hand POST /in/mail to it; {relay}"
            ),
        ),
        Err(why) => finding
            .warn(format!("nothing answers there: {why}"), format!("start `partnercast serve`; {relay}")),
    }
}

/// Whether anything ever came: the one thing that no look from here can tell is whether mail finds its way.
fn last(subject: &Subject, ways: &WaysBack, came: &[CameBack], domain: &str) -> Finding {
    let finding = Finding::new(Group::Bounces, "bounce-last", domain);
    let none = ways.sources.is_empty() && ways.lmtp.is_none() && ways.http_secret.is_none();
    if none && ways.faults.is_empty() {
        return finding.warn(
            "[bounces] names no source, so nobody takes what comes back",
            "under [bounces] name where its mail goes, such as imap = \"imaps://user:password@mail.example.com/INBOX\"",
        );
    }
    let ago = |last_ms: i64| match subject.now_ms.saturating_sub(last_ms) {
        ms if ms < 2 * HOUR_MS => format!("{} min", (ms / MINUTE_MS).max(0)),
        ms if ms < 3 * DAY_MS => format!("{} h", ms / HOUR_MS),
        ms => format!("{} days", ms / DAY_MS),
    };
    if came.is_empty() {
        return finding.unknown(
            "nothing has come back yet, so whether mail finds its way cannot be told",
            format!(
                "write a mail to test@{domain}: within minutes the console's page Do not send lists it under what came back"
            ),
        );
    }
    let ways: Vec<String> =
        came.iter().map(|way| format!("{} ago by {}", ago(way.last_ms), way.source)).collect();
    finding.pass(format!("the last message that came back was taken {}", ways.join(", ")))
}
