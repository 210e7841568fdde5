-- Which touches an amount is credited to, fixed when it was said; parts add up to the amount. An amount that nothing led to has
-- one line without an event.
CREATE TABLE credit (
    lead_id      TEXT NOT NULL,
    amount_no    BIGINT NOT NULL,
    no           BIGINT NOT NULL,
    -- As events are kept; it may be gone from there.
    event_id     TEXT,
    at_ms        BIGINT NOT NULL,
    kind         TEXT NOT NULL,
    partner_slug TEXT NOT NULL,
    asset        TEXT NOT NULL,
    scope        TEXT NOT NULL,
    is_primary   BOOLEAN NOT NULL,
    minor_units  BIGINT NOT NULL,
    -- The version of attribution.toml and what it said.
    rule         TEXT NOT NULL,
    PRIMARY KEY (lead_id, amount_no, no),
    FOREIGN KEY (lead_id, amount_no) REFERENCES lead_amount (lead_id, no)
);
