-- Countries that a partner serves (ISO 3166-1 alpha-2, separated by `;`), and how many leads it may have in hand.
ALTER TABLE partner ADD COLUMN countries TEXT NOT NULL DEFAULT '';
ALTER TABLE partner ADD COLUMN leads_max BIGINT;

-- To which partners a lead was given that none brought, one after the other; never changed but for its end. `outcome` is
-- `lapsed` where nobody there took it in time, `turned_down` where they did not want it.
CREATE TABLE lead_assignment (
    lead_id       TEXT NOT NULL REFERENCES lead (id),
    no            BIGINT NOT NULL,
    partner_slug  TEXT NOT NULL,
    given_ms      BIGINT NOT NULL,
    because       TEXT NOT NULL,
    ended_ms      BIGINT,
    outcome       TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (lead_id, no)
);
CREATE UNIQUE INDEX lead_assignment_live ON lead_assignment (lead_id) WHERE ended_ms IS NULL;
CREATE INDEX lead_assignment_partner ON lead_assignment (partner_slug, given_ms);

-- Under which roster and rule nobody was found for a lead, and when channel managers were told.
ALTER TABLE lead_intake ADD COLUMN looked TEXT NOT NULL DEFAULT '';
ALTER TABLE lead_intake ADD COLUMN looked_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE lead_intake ADD COLUMN told_ms BIGINT;
CREATE INDEX lead_intake_looked ON lead_intake (looked_ms, lead_id) WHERE looked <> '';
