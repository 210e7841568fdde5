-- Freezing in parts: an audience is stored before its issue's own row, which is written last and makes it count.

-- Without a reference to the issue, which comes later.
CREATE TABLE decision (
    issue_id     TEXT NOT NULL,
    contact_id   TEXT NOT NULL REFERENCES contact (id),
    included     BOOLEAN NOT NULL,
    because      TEXT NOT NULL,
    zone         TEXT NOT NULL,
    rendition_id TEXT,
    delivery_id  TEXT,
    PRIMARY KEY (issue_id, contact_id)
);
INSERT INTO decision (issue_id, contact_id, included, because, zone, rendition_id, delivery_id)
SELECT issue_id, contact_id, included, because, zone, rendition_id, delivery_id FROM audience_decision;
DROP TABLE audience_decision;
ALTER TABLE decision RENAME TO audience_decision;

-- Issues that are being frozen. What a crash leaves behind is found by its age and taken away.
CREATE TABLE freezing (
    issue_id TEXT PRIMARY KEY,
    alive_ms BIGINT NOT NULL
);
