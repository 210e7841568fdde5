//! What a CRM says inside of an answer that looks like success.

use serde_json::Value;

use super::Crm;

/// Why a CRM did not take what was posted to it, although it answered 2xx: Salesforce's composite resource answers 200 whatever
/// became of the request inside, and HubSpot's batch 207 with a count of errors. Nothing where it took it, or where what `sent` deletes
/// was not there.
pub fn refusal(crm: Crm, sent: &str, status: u16, body: &str) -> Option<String> {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    match crm {
        Crm::Salesforce => {
            let status = json["compositeResponse"][0]["httpStatusCode"].as_u64()?;
            let sent: Value = serde_json::from_str(sent).unwrap_or_default();
            let is_gone = status == 404 && sent["compositeRequest"][0]["method"] == "DELETE";
            (!is_gone && !(200..=299).contains(&status))
                .then(|| format!("the composite request answers {status} for the record"))
        }
        Crm::Hubspot => {
            let errors = json["numErrors"].as_u64().unwrap_or_default();
            (status == 207 || errors > 0).then(|| format!("the batch has {} errors", errors.max(1)))
        }
        Crm::Dynamics => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_inside_of_success_is_seen() {
        let composite = |status: u16| {
            format!("{{\"compositeResponse\":[{{\"body\":null,\"httpStatusCode\":{status}}}]}}")
        };
        assert_eq!(refusal(Crm::Salesforce, "", 200, &composite(204)), None);
        assert!(refusal(Crm::Salesforce, "", 200, &composite(400)).is_some_and(|why| why.contains("400")));
        let delete = "{\"compositeRequest\":[{\"method\":\"DELETE\"}]}";
        assert_eq!(refusal(Crm::Salesforce, delete, 200, &composite(404)), None, "it is gone");
        assert!(refusal(Crm::Salesforce, "{}", 200, &composite(404)).is_some());
        assert_eq!(refusal(Crm::Hubspot, "", 200, "{\"status\":\"COMPLETE\",\"results\":[]}"), None);
        assert!(refusal(Crm::Hubspot, "", 207, "{\"numErrors\":1}").is_some());
        assert_eq!(refusal(Crm::Dynamics, "", 204, ""), None);
        assert_eq!(refusal(Crm::Salesforce, "", 200, "no JSON"), None);
    }
}
