//! The page of `partnercast guide webhooks`, made of the catalogue itself.

use std::fmt::Write as _;

use super::{
    EventKind,
    breaker::{FAILURES_MAX, GIVE_UP_AFTER_MS},
    schedule::{LIFETIME_MS, TRIES_MAX},
};
use crate::domain::kernel::clock::DAY_MS;

const BEGINNING: &str = "# Webhooks

A partner's or the vendor's own system (a CRM) is told what happened by `POST` with a JSON body, as Standard Webhooks 1.0.0 has it
(standardwebhooks.com). Libraries that verify it are there for most languages: `standardwebhooks` or `svix` of npm, PyPI, crates.io.

    partnercast webhook add CRM https://crm.example/in --email ops@crm.example --events 'lead.*'
    partnercast webhook verify whe_...      # or in the console, under Webhooks

A chat room (`--format slack`, `teams`, `mattermost`, `discord`) is told in a sentence instead; nobody verifies anything there.

";

const RECIPE: &str = "
## To receive

Before anything else comes `endpoint.verification`: answer 2xx with the value of `data.challenge` as the body, or as
`{\"challenge\": \"...\"}`. Nothing is sent to who does not.

Every request has three headers:

| Header | Meaning |
|---|---|
| `webhook-id` | the same at every try, and when it is replayed: what you have seen, answer 2xx and drop |
| `webhook-timestamp` | seconds since 1970 of this try: refuse what is more than five minutes off |
| `webhook-signature` | signatures separated by spaces, one that fits is enough: `v1,<base64>`, `v1a,<base64>` |

Signed is `webhook-id + \".\" + webhook-timestamp + \".\" + body`, the body as its bytes came: verify before you parse.
`v1` is HMAC-SHA256 with the bytes after `whsec_` (base64). `v1a` is Ed25519; the public key stands after `whpk_` (base64).

Node, with no package:

    import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
    const signed = `${id}.${timestamp}.${body}`;
    const expected = createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(signed).digest();
    const v1 = header.split(' ').filter((it) => it.startsWith('v1,')).map((it) => Buffer.from(it.slice(3), 'base64'));
    const good = v1.some((it) => it.length === expected.length && timingSafeEqual(it, expected));

    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(publicKey.slice(5), 'base64')]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const v1a = header.split(' ').filter((it) => it.startsWith('v1a,')).map((it) => Buffer.from(it.slice(4), 'base64'));
    const goodToo = v1a.some((it) => verify(null, Buffer.from(signed), key, it));

Python:

    from standardwebhooks.webhooks import Webhook
    Webhook(secret).verify(body, headers)

## What an answer means

| Answer | What follows |
|---|---|
| 2xx within ten seconds | you have it; the body need not have ended |
| 410 | the endpoint is disabled, and its contact told |
| 429, 502, 503, 504 | the whole endpoint rests, as long as `Retry-After` asks (seconds or a date), an hour at most |
| 3xx | a failure: redirects are not followed |
| any with `webhook-delivery: abort-message` | this message is not tried again |
| anything else, or none | it is tried again |
";

/// The page.
pub fn reference() -> String {
    let mut page = BEGINNING.to_owned();
    // Writing into a string cannot fail.
    let _ = writeln!(
        page,
        "A message is tried {TRIES_MAX} times over about three days (after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20, 24 h, each 20 % \
         more or less), and waits {} days at most. After {FAILURES_MAX} failures in a row an endpoint is left alone for half a minute \
         to half an hour and then tried with one message. After {} days of failing it is disabled. What was given up can be replayed. \
         `lead.erased`, `asset.recalled` and `asset.withdrawn` are not given up: they go on once a day.",
        LIFETIME_MS / DAY_MS,
        GIVE_UP_AFTER_MS / DAY_MS,
    );
    page.push_str(RECIPE);
    page.push_str(
        "\n## Events\n\nThe body is `{\"type\": ..., \"timestamp\": ..., \"data\": {...}}`: ids and words, no personal data \
         (an endpoint with a field map gets more: `guide crm`). Keys may be \
         added; nothing else about an event changes. Choose types, groups (`lead.*`), or everything (`*`, when nothing is chosen). \
         `partnercast webhook schemas` prints the JSON Schema of each. A partner's endpoint is told \
         `asset.published` when the partner's people can see it, from its day on; the vendor's when it comes into the content folder. When a person is erased, `lead.erased` is all \
         that is said, whatever stages that ends.\n\n| Type | Says |\n|---|---|\n",
    );
    for kind in EventKind::ALL {
        let _ = writeln!(page, "| `{}` | {} |", kind.as_str(), kind.says());
    }
    page
}

/// The schemas of all events, as one JSON array.
pub fn schemas() -> String {
    let all: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.schema().trim_end()).collect();
    format!("[\n{}\n]\n", all.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_of_every_event_and_the_schemas_are_one_document() {
        let page = reference();
        assert!(EventKind::ALL.iter().all(|kind| page.contains(&format!("`{}`", kind.as_str()))));
        let all: Vec<serde_json::Value> = serde_json::from_str(&schemas()).unwrap();
        assert_eq!(all.len(), EventKind::ALL.len());
    }
}
