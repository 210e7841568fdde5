-- Delivery that loses nobody: started at once instead of claimed first, with the site, the relay and the limits.

-- The recipients' domain: what a slow or refusing side is told apart by. Deliveries made before this have none.
ALTER TABLE delivery ADD COLUMN site TEXT NOT NULL DEFAULT '';

-- Nothing is claimed ahead any more: what was claimed and not started goes back.
UPDATE delivery SET state = 'ready', node_id = NULL, token = token + 1 WHERE state = 'leased';

-- One issue's due messages, and the single mails; a paused issue costs nothing.
DROP INDEX delivery_ready;
CREATE INDEX delivery_ready ON delivery (issue_id, due_ms, id) WHERE state = 'ready';
CREATE INDEX delivery_single ON delivery (due_ms, id) WHERE state = 'ready' AND issue_id IS NULL;
DROP INDEX delivery_in_hand;
CREATE INDEX delivery_in_hand ON delivery (node_id) WHERE state = 'sending';

-- A node is known to be alive by its counting on, as the others' own clocks see it: clocks are never compared.
ALTER TABLE node ADD COLUMN beats BIGINT NOT NULL DEFAULT 0;

-- Which relay was asked.
ALTER TABLE attempt ADD COLUMN relay TEXT;

-- Why an issue was paused, when the circuit breaker did it.
ALTER TABLE issue ADD COLUMN paused_because TEXT;

-- How much of a promised limit was used, by slots of time: messages an hour through a relay, a day of a warm-up.
CREATE TABLE quota_use (
    key     TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    used    BIGINT NOT NULL,
    PRIMARY KEY (key, slot_ms)
);
