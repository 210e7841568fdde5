-- What is known of a lead that came from a file or through the API, beyond what forms ask. `by_vendor` is whose lead it is
-- while no partner has it; the vendor itself stands as the partner without a slug, which no list of partners shows.
-- `due_ms` is when it is to be judged and handed over, if at all; leads that forms made have a row, too, once they are due.
CREATE TABLE lead_intake (
    lead_id    TEXT PRIMARY KEY REFERENCES lead (id),
    country    TEXT NOT NULL,
    vertical   TEXT NOT NULL,
    by_vendor  BOOLEAN NOT NULL,
    asks       BOOLEAN NOT NULL,
    due_ms     BIGINT,
    updated_ms BIGINT NOT NULL
);
CREATE INDEX lead_intake_due ON lead_intake (due_ms, lead_id) WHERE due_ms IS NOT NULL;

-- Rows that were taken, by their hash: the same row once more changes nothing.
CREATE TABLE lead_seen (
    mark    TEXT PRIMARY KEY,
    lead_id TEXT NOT NULL,
    seen_ms BIGINT NOT NULL
);
CREATE INDEX lead_seen_time ON lead_seen (seen_ms);
