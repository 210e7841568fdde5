-- The promise ledger: an issue's hour as promised to one partner's readers in one zone. The key is the nominal local time
-- and the zone whose clock it goes by, never the instant, so that no clock change and no new zone data can double it.
-- A row without an issue stands for a date for which nothing was written, or that a rule of the calendar skipped.
CREATE TABLE promise (
    id            TEXT PRIMARY KEY,
    newsletter    TEXT NOT NULL,
    nominal_local TEXT NOT NULL,
    zone          TEXT NOT NULL,
    reader_zone   TEXT NOT NULL,
    partner_slug  TEXT NOT NULL,
    issue_id      TEXT,
    due_ms        BIGINT NOT NULL,
    on_time_ms    BIGINT NOT NULL,
    note          TEXT,
    skipped       BOOLEAN NOT NULL,
    because       TEXT,
    eligible      BIGINT NOT NULL,
    suppressed    BIGINT NOT NULL DEFAULT 0,
    on_time       BIGINT NOT NULL DEFAULT 0,
    accepted      BIGINT NOT NULL DEFAULT 0,
    counted_ms    BIGINT,
    closed        BOOLEAN NOT NULL DEFAULT FALSE,
    UNIQUE (newsletter, nominal_local, zone, reader_zone, partner_slug)
);
CREATE INDEX promise_issue ON promise (issue_id);
CREATE INDEX promise_partner ON promise (partner_slug, due_ms);
CREATE INDEX promise_open ON promise (due_ms) WHERE NOT closed;

-- Which promise somebody's copy is; for those left out the rule that left them out, for counting.
ALTER TABLE audience_decision ADD COLUMN promise_id TEXT;
ALTER TABLE audience_decision ADD COLUMN reason TEXT NOT NULL DEFAULT '';

INSERT INTO promise (id, newsletter, nominal_local, zone, reader_zone, partner_slug, issue_id, due_ms, on_time_ms, note,
                     skipped, eligible)
SELECT o.issue_id || '/' || o.zone || '/' || r.partner_slug, o.newsletter, o.nominal_local, o.zone, o.zone, r.partner_slug,
       o.issue_id, o.due_ms, i.on_time_ms, o.note, FALSE, COUNT(*)
FROM occurrence o
JOIN issue i ON i.id = o.issue_id
JOIN audience_decision a ON a.issue_id = o.issue_id AND a.zone = o.zone AND a.included
JOIN rendition r ON r.id = a.rendition_id
GROUP BY o.issue_id, o.newsletter, o.nominal_local, o.zone, r.partner_slug, o.due_ms, i.on_time_ms, o.note;
UPDATE audience_decision SET promise_id = (
    SELECT audience_decision.issue_id || '/' || audience_decision.zone || '/' || r.partner_slug
    FROM rendition r WHERE r.id = audience_decision.rendition_id)
WHERE included;
DROP TABLE occurrence;
