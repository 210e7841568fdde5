//! The page of `partnercast guide crm`.

use std::fmt::Write as _;

use super::Source;
use crate::domain::lead::{DisqualifyReason, update};

const BEGINNING: &str = "# CRMs

Three ways out and four ways back; all go by the lead's id (`led_...`), which a CRM keeps as external id.

Out: `webhook add ... --format NAME` names a field map, `crm/NAME.toml` of the content folder; `content/crm` of the demo has one
for Salesforce, one for HubSpot and one for Dynamics 365 to begin with. Without a map (`standard`) an endpoint gets ids and words.
`export leads` writes CSV.

Back: on the desk by the link in a mail; a signed webhook (`POST /api/hooks/<endpoint>`); `PATCH /api/leads/<id>` with an API key;
`import lead-updates FILE.csv`. All go by the same rules as the desk.

## A field map

| Key | Meaning |
|---|---|
| `crm` | salesforce, hubspot or dynamics: by whose rules requests are made |
| `object` | their object by its API name: `Lead`; `contacts`; `leads` |
| `entity` | dynamics: the table's logical name, `lead` |
| `external_id` | their field that holds the lead's id: external id; property with unique values; alternate key |
| `api_version` | of the address; left out v62.0, v3, v9.2 |
| `body` | `envelope` (left out): our message with the request in it, for an integration platform that makes it. `request`: the CRM's own document, for its own address |
| `[fields]` | theirs = ours, or a text with ours in braces |
| `[constants]` | theirs = what always stands there |
| `[stages.STAGE]` | theirs = what stands there at that stage; a table for every stage, empty if need be |
| `[back]` | ours = theirs, for what comes back; left out, under our own names |
| `[back.stages]`, `[back.reasons]` | their word = ours; left out, our own words are meant |

`partnercast check` names every fault (C570 to C573, and those of all files). What a lead does not have is left out, so that it
overwrites nothing.

| Ours | What it is | Personal |
|---|---|---|
";

const OUT: &str = "
## What is sent

An endpoint with a format is told of `lead.created`, `lead.stage_changed`, `lead.value_corrected` and `lead.erased` alone. What it gets is made when it is
first sent and then stays the same at every try and replay, under the same `webhook-id`, signed like every other message
(`guide webhooks`). In an envelope stands, beside `type`, `timestamp` and `data`:

    \"request\": {\"method\": \"PATCH\", \"path\": \"/services/data/v62.0/sobjects/Lead/Partnercast_Lead_Id__c/led_...\",
                \"headers\": {\"idempotency-key\": \"led_...:contacted:1799744400000\"}, \"body\": {\"LastName\": \"Lind\", ...}}

To make it again changes nothing: the record is found by the lead's id. With `body = \"request\"` and `--bearer-file FILE` the CRM is
called itself; tokens of CRMs expire, so that an integration platform suits most. Its own address is:

| CRM | Address |
|---|---|
| Salesforce | `/services/data/v62.0/composite` |
| HubSpot | `/crm/v3/objects/contacts/batch/upsert` |
| Dynamics 365 | `/api/data/v9.2/leads/Microsoft.Dynamics.CRM.UpsertMultiple` |

A CRM cannot repeat a challenge: `webhook verify --vouch`, and whatever it answers but 401, 403, 404 and 5xx will do.

A partner's endpoint gets personal fields of leads that the partner accepted, and is told nothing of others; the vendor's gets all.
After an erasure what was stored is replaced by the request that deletes the record (Salesforce) or empties its personal fields, and
that is sent, too.

## What comes back

    POST /api/hooks/whe_...
    webhook-id: anything that is the same when it is sent again
    webhook-timestamp: seconds since 1970
    webhook-signature: v1,<base64 of HMAC-SHA256>

    {\"type\": \"lead.update\", \"data\": {\"lead_id\": \"led_...\", \"stage\": \"won\", \"value\": \"12500.50\", \"currency\": \"EUR\"}}

Signed with the endpoint's secret (`webhook secret`), as our own messages are; five minutes old at most, 64 KiB at most. The keys of
`data` are those of the endpoint's map. The same id once more gets the same answer for a week and changes nothing. `PATCH
/api/leads/<id>` takes the object of `data` in our own words, with `Idempotency-Key`; CSV has the same columns.

| Field | What it holds |
|---|---|
";

const END: &str = "
| Answer | Meaning |
|---|---|
| 200 `{\"result\": \"recorded\"}` | done, in one transaction; history and audit name the integration |
| 200 `{\"result\": \"ignored\"}` | `updated_at` is older than what is known |
| 401 | not signed, not with this secret, or more than five minutes off |
| 404 | there is no such lead, or it is another partner's |
| 409 | its stage does not lead there, or nobody has it: it was taken back, or is not accepted yet |
| 422 | every fault, with the field and how to mend it; nothing was changed |
";

/// The page.
pub fn reference() -> String {
    let mut page = BEGINNING.to_owned();
    // Writing into a string cannot fail.
    for source in Source::ALL {
        let personal = if source.is_personal() { "yes" } else { "" };
        let _ = writeln!(page, "| `{}` | {} | {personal} |", source.as_str(), source.says());
    }
    page.push_str(OUT);
    for (field, says) in update::FIELDS {
        let _ = writeln!(page, "| `{field}` | {says} |");
    }
    let reasons: Vec<&str> = DisqualifyReason::ALL.iter().map(|reason| reason.as_str()).collect();
    let _ = writeln!(page, "\nReasons: {}.", reasons.join(", "));
    page.push_str(END);
    page
}
