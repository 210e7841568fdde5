-- Sequences: who is inside, what they had, and what comes next for them.

-- Since when somebody is an active contact without a break; those of before have always been. `left_ms` is when they were
-- left out of a roster last, so that an import which takes them again at the same moment is no break.
ALTER TABLE contact ADD COLUMN active_since_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contact ADD COLUMN left_ms BIGINT;
CREATE INDEX contact_new ON contact (active_since_ms, id) WHERE active AND active_since_ms > 0;

-- One journey of one person through one sequence, which nobody goes through twice. `waiting` is the step that comes next,
-- `due_ms` when, `from_ms` what its delay counts from, as the revision `plan_hash` of the sequence says. `moves` goes up
-- with every change: of nodes that act at once one does.
CREATE TABLE enrolment (
    id           TEXT PRIMARY KEY,
    sequence     TEXT NOT NULL,
    person       TEXT NOT NULL,
    contact_id   TEXT REFERENCES contact (id),
    lead_id      TEXT REFERENCES lead (id),
    partner_slug TEXT NOT NULL,
    because      TEXT NOT NULL,
    entered_ms   BIGINT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('inside', 'finished', 'left')),
    waiting      TEXT,
    due_ms       BIGINT NOT NULL,
    from_ms      BIGINT NOT NULL,
    plan_hash    TEXT NOT NULL,
    moves        BIGINT NOT NULL DEFAULT 0,
    ended_ms     BIGINT,
    reason       TEXT NOT NULL DEFAULT '',
    detail       TEXT NOT NULL DEFAULT '',
    UNIQUE (sequence, person)
);
CREATE INDEX enrolment_due ON enrolment (sequence, due_ms, id) WHERE state = 'inside';
CREATE INDEX enrolment_person ON enrolment (person);

-- What somebody had of a sequence, by the step's name: sent, or left out and why.
CREATE TABLE enrolment_step (
    enrolment_id TEXT NOT NULL REFERENCES enrolment (id),
    step         TEXT NOT NULL,
    no           BIGINT NOT NULL,
    at_ms        BIGINT NOT NULL,
    outcome      TEXT NOT NULL CHECK (outcome IN ('sent', 'skipped')),
    because      TEXT NOT NULL,
    delivery_id  TEXT,
    PRIMARY KEY (enrolment_id, step)
);

-- What a partner's person did, for the conditions of sequences.
CREATE INDEX engagement_contact ON engagement_event (contact_id, at_ms) WHERE contact_id IS NOT NULL;

-- Single mails are of two lanes now, urgent ones and those of sequences, and neither is walked over for the other.
DROP INDEX delivery_single;
CREATE INDEX delivery_single ON delivery (lane, due_ms, id) WHERE live AND issue_id IS NULL;
