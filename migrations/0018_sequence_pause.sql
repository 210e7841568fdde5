-- Sequences that rest, by a person's word or because their mail was refused for a reason that lies with us. `because` is empty
-- where a person did it. What waits of them stays where it is.
CREATE TABLE sequence_pause (
    sequence TEXT PRIMARY KEY,
    because  TEXT NOT NULL,
    actor    TEXT NOT NULL,
    since_ms BIGINT NOT NULL
);
