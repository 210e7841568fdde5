-- An accepted offer is an assignment. It ends when the lead is taken back, given to somebody else, or closed; a lead has one
-- offer at a time that is open or holds.
ALTER TABLE offer ADD COLUMN ended_ms BIGINT;
ALTER TABLE offer ADD COLUMN ended_because TEXT;
-- Why it was turned down, in one word; `answer_reason` is the same in a sentence.
ALTER TABLE offer ADD COLUMN reason TEXT NOT NULL DEFAULT '';
DROP INDEX offer_open;
CREATE UNIQUE INDEX offer_live ON offer (lead_id)
    WHERE ended_ms IS NULL AND (answer IS NULL OR answer = 'accepted');
CREATE INDEX offer_rep_live ON offer (rep_key) WHERE ended_ms IS NULL AND (answer IS NULL OR answer = 'accepted');

-- In whose time a clock runs, how long it is, how far it was told of (percent), and when something is to be done about it
-- next. `first_due_ms` is what was promised before more time was asked for.
ALTER TABLE sla_clock ADD COLUMN zone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE sla_clock ADD COLUMN minutes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sla_clock ADD COLUMN told_percent BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sla_clock ADD COLUMN turn_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sla_clock ADD COLUMN first_due_ms BIGINT;
ALTER TABLE sla_clock ADD COLUMN stopped_because TEXT NOT NULL DEFAULT '';
CREATE INDEX sla_clock_turn ON sla_clock (turn_ms) WHERE stopped_ms IS NULL;
CREATE UNIQUE INDEX sla_clock_running ON sla_clock (lead_id) WHERE stopped_ms IS NULL;

-- Events of before a lead went back to nurture count no more for the gate; `reopen_ms` is when it is taken up again.
ALTER TABLE lead ADD COLUMN recycled_ms BIGINT;
ALTER TABLE lead ADD COLUMN reopen_ms BIGINT;
-- Why it was closed after contact, or lost, in one word.
ALTER TABLE lead ADD COLUMN closed_reason TEXT NOT NULL DEFAULT '';
CREATE INDEX lead_reopen ON lead (reopen_ms) WHERE reopen_ms IS NOT NULL;

-- What a lead is worth, as said at each step; never changed. The last entry counts.
CREATE TABLE lead_amount (
    lead_id     TEXT NOT NULL REFERENCES lead (id),
    no          BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    stage       TEXT NOT NULL,
    minor_units BIGINT NOT NULL,
    currency    TEXT NOT NULL,
    close_date  TEXT,
    PRIMARY KEY (lead_id, no)
);

UPDATE sla_clock SET zone = (
    SELECT p.zone FROM lead l JOIN partner p ON p.slug = l.partner_slug WHERE l.id = sla_clock.lead_id);
