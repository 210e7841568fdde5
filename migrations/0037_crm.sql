-- What a message to an endpoint is made of: `standard`, or the field map (crm/<name>.toml) that renders it; and the sealed token
-- that goes with it as `Authorization: Bearer`, or nothing.
ALTER TABLE webhook_endpoint ADD COLUMN format TEXT NOT NULL DEFAULT 'standard';
ALTER TABLE webhook_endpoint ADD COLUMN bearer TEXT NOT NULL DEFAULT '';

-- What a field map made of an event for an endpoint, at its first try: the same bytes at every other one. It says who people are,
-- so it goes with them.
CREATE TABLE webhook_document (
    event_id    TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    lead_id     TEXT NOT NULL,
    format      TEXT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (event_id, endpoint_id)
);
CREATE INDEX webhook_document_lead ON webhook_document (lead_id);

-- Signed messages that were taken, with what was answered: the same one once more gets the same answer.
CREATE TABLE hook_taken (
    endpoint_id TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    body_hash   TEXT NOT NULL,
    answer      TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    PRIMARY KEY (endpoint_id, message_id)
);
CREATE INDEX hook_taken_time ON hook_taken (at_ms);

-- When what programs told last of a lead was changed where it comes from: what is older is no news.
CREATE TABLE lead_told (
    lead_id TEXT PRIMARY KEY REFERENCES lead (id),
    told_ms BIGINT NOT NULL
);
