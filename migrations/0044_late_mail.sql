-- Mail that is late and that nothing could hand over is judged before it starts; so is mail of a stage that waits for another.
-- From when on its lateness counts, where that is later than its promise: to when it was put off, or when a person last said that
-- it may leave.
ALTER TABLE delivery ADD COLUMN hour_ms BIGINT;
-- Since when it waits for a person because its time passed before anything could hand it over.
ALTER TABLE delivery ADD COLUMN held_ms BIGINT;
-- Of which stage its reader is; empty without stages.
ALTER TABLE delivery ADD COLUMN stage TEXT;
CREATE INDEX delivery_held ON delivery (issue_id, held_ms) WHERE held_ms IS NOT NULL;
CREATE INDEX delivery_stage ON delivery (issue_id, stage, promised_ms) WHERE stage IN ('pilot', 'first');
-- How long each stage waits for the one before, once that has really left; empty for an issue without stages.
ALTER TABLE issue ADD COLUMN stage_wait_ms BIGINT;
-- When a message of it was last taken or refused by the other side, or kept back by a limit of ours; to a minute.
ALTER TABLE issue ADD COLUMN moved_ms BIGINT;
-- Since when it moves without having stopped in between.
ALTER TABLE issue ADD COLUMN going_ms BIGINT;
UPDATE issue SET moved_ms = (SELECT MAX(d.accepted_ms) FROM delivery d WHERE d.source = issue.id), going_ms = released_ms
WHERE state = 'sending';
-- When a person last had it go on.
ALTER TABLE issue ADD COLUMN resumed_ms BIGINT;
-- Up to which moment those who may approve were told of what waits for them.
ALTER TABLE issue ADD COLUMN held_told_ms BIGINT;
