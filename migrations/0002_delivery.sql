-- Delivery that loses nobody: started at once instead of claimed first, with the site, the relay and the limits.

-- The recipients' domain, which follows the last @: what a slow or refusing side is told apart by.
ALTER TABLE delivery ADD COLUMN site TEXT NOT NULL DEFAULT '';
UPDATE delivery SET site = replace(recipient_key, rtrim(recipient_key, replace(recipient_key, '@', '')), '');

-- Nothing is claimed ahead any more: what was claimed and not started goes back.
UPDATE delivery SET state = 'ready', node_id = NULL, token = token + 1 WHERE state = 'leased';

-- Whether anything can still happen to it. The queue's indexes go by this and not by the state, so that marking a row as
-- being sent touches no index.
ALTER TABLE delivery ADD COLUMN live BOOLEAN NOT NULL DEFAULT TRUE;
UPDATE delivery SET live = FALSE WHERE state <> 'ready' AND state <> 'sending';

-- One issue's due messages, and the single mails; a paused issue costs nothing.
DROP INDEX delivery_ready;
DROP INDEX delivery_in_hand;
DROP INDEX delivery_issue;
CREATE INDEX delivery_live ON delivery (issue_id, due_ms, id) WHERE live;
CREATE INDEX delivery_single ON delivery (due_ms, id) WHERE live AND issue_id IS NULL;
CREATE INDEX delivery_issue ON delivery (issue_id);

-- A node is known to be alive by its counting on, as the others' own clocks see it: clocks are never compared.
ALTER TABLE node ADD COLUMN beats BIGINT NOT NULL DEFAULT 0;

-- Which relay was asked. Without a reference to the delivery: an attempt is written with the result of the very row, and
-- looking that row up once more for each cost a tenth of all the work.
CREATE TABLE attempt_log (
    delivery_id TEXT NOT NULL,
    no          BIGINT NOT NULL,
    node_id     TEXT NOT NULL,
    ended_ms    BIGINT NOT NULL,
    outcome     TEXT NOT NULL,
    stage       TEXT,
    code        BIGINT,
    reply       TEXT NOT NULL,
    relay       TEXT,
    PRIMARY KEY (delivery_id, no)
);
INSERT INTO attempt_log (delivery_id, no, node_id, ended_ms, outcome, stage, code, reply)
SELECT delivery_id, no, node_id, ended_ms, outcome, stage, code, reply FROM attempt;
DROP TABLE attempt;
ALTER TABLE attempt_log RENAME TO attempt;

-- Why an issue was paused, when the circuit breaker did it.
ALTER TABLE issue ADD COLUMN paused_because TEXT;

-- How much of a promised limit was used, by slots of time: messages an hour through a relay, a day of a warm-up.
CREATE TABLE quota_use (
    key     TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    used    BIGINT NOT NULL,
    PRIMARY KEY (key, slot_ms)
);
