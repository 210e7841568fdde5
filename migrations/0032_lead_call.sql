-- Leads that several partners are asked to take at once: whoever claims one first has it. One claim a round, whatever happens.
CREATE TABLE lead_call (
    id           TEXT PRIMARY KEY,
    lead_id      TEXT NOT NULL REFERENCES lead (id),
    round        BIGINT NOT NULL,
    partner_slug TEXT NOT NULL,
    contact_id   TEXT,
    rep_name     TEXT NOT NULL,
    rep_email    TEXT NOT NULL,
    because      TEXT NOT NULL,
    temperature  TEXT NOT NULL CHECK (temperature IN ('hot', 'standard')),
    called_ms    BIGINT NOT NULL,
    due_ms       BIGINT NOT NULL,
    answered_ms  BIGINT,
    answer       TEXT CHECK (answer IN ('claimed', 'declined', 'lapsed', 'taken', 'withdrawn'))
);
CREATE UNIQUE INDEX lead_call_claimed ON lead_call (lead_id, round) WHERE answer = 'claimed';
CREATE INDEX lead_call_lead ON lead_call (lead_id, called_ms);
CREATE INDEX lead_call_due ON lead_call (due_ms) WHERE answer IS NULL;
-- Nobody is asked twice at once, by whichever node.
CREATE UNIQUE INDEX lead_call_open ON lead_call (lead_id, partner_slug) WHERE answer IS NULL;
