-- Digests: issues of several newsletters that are due together come to a person as one mail.

-- Issues that share mails, by one name: the id of one of them. They are released, or taken back, together.
ALTER TABLE issue ADD COLUMN digest_id TEXT;
CREATE INDEX issue_digest ON issue (digest_id) WHERE digest_id IS NOT NULL;

-- In whose mail a person's copy rides; then rendition and delivery are those of that issue. Empty for a mail of its own.
ALTER TABLE audience_decision ADD COLUMN host_issue_id TEXT;

-- Which issue carries which, and for how many people: counted when they were fixed.
CREATE TABLE issue_guest (
    host_id  TEXT NOT NULL REFERENCES issue (id),
    guest_id TEXT NOT NULL REFERENCES issue (id),
    people   BIGINT NOT NULL,
    PRIMARY KEY (host_id, guest_id)
);
CREATE INDEX issue_guest_guest ON issue_guest (guest_id);
