-- Touches: each mail in which a person was told a key message, and in which forms (`read watch`, the last met last). Noted
-- when it was accepted, so that only what was delivered counts. `person` is a contact's or a lead's key.
CREATE TABLE touch (
    person       TEXT NOT NULL,
    key_message  TEXT NOT NULL,
    delivery_id  TEXT NOT NULL,
    at_ms        BIGINT NOT NULL,
    forms        TEXT NOT NULL,
    PRIMARY KEY (person, key_message, delivery_id)
);

-- The key messages that a rendition tells, and in which forms. What was rendered before has none: it was not counted.
CREATE TABLE rendition_message (
    rendition_id TEXT NOT NULL REFERENCES rendition (id),
    key_message  TEXT NOT NULL,
    forms        TEXT NOT NULL,
    PRIMARY KEY (rendition_id, key_message)
);

-- Whether the touches of an issue have been noted; until then they are counted from its audience.
ALTER TABLE issue ADD COLUMN touches_noted BOOLEAN NOT NULL DEFAULT TRUE;
CREATE INDEX issue_untold ON issue (id) WHERE NOT touches_noted;
