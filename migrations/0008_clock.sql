-- A clock that was found set back, and how far what it had decided has been taken back: once, whichever nodes find it.

-- One row. `noticed_ms` is what the clock showed then, `reached` the last delivery that was looked at; none when all were.
CREATE TABLE clock_change (
    no         BIGINT PRIMARY KEY,
    id         TEXT NOT NULL,
    noticed_ms BIGINT NOT NULL,
    by_ms      BIGINT NOT NULL,
    reached    TEXT
);

-- One row: what the clock of a process showed last, within a minute.
CREATE TABLE clock_seen (
    no    BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL
);
