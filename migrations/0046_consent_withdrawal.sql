-- When somebody took back all that they agreed to: no yes of before, to whatever text, counts after that.
CREATE TABLE consent_withdrawal (
    lead_id    TEXT NOT NULL REFERENCES lead (id),
    at_ms      BIGINT NOT NULL,
    -- Since when whoever had the lead is told, or it is known that nobody had it.
    settled_ms BIGINT,
    PRIMARY KEY (lead_id, at_ms)
);
CREATE INDEX consent_withdrawal_open ON consent_withdrawal (at_ms) WHERE settled_ms IS NULL;
INSERT INTO consent_withdrawal (lead_id, at_ms)
SELECT DISTINCT lead_id, at_ms FROM lead_step WHERE what = 'took back the consent to be contacted';
