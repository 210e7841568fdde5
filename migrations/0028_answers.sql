-- What people answered to fields that a form has of its own (`forms/<slug>.toml`), as it stood over them then.
CREATE TABLE lead_answer (
    lead_id TEXT NOT NULL REFERENCES lead (id),
    at_ms   BIGINT NOT NULL,
    form    TEXT NOT NULL,
    version BIGINT NOT NULL,
    name    TEXT NOT NULL,
    label   TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (lead_id, form, name, at_ms)
);
