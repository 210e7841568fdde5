-- Who approved what: bound to the hash of what they saw. An issue goes on when as many different people as it needs have
-- approved the same.
CREATE TABLE issue_approval (
    issue_id     TEXT NOT NULL REFERENCES issue (id),
    content_hash TEXT NOT NULL,
    approver     TEXT NOT NULL,
    at_ms        BIGINT NOT NULL,
    PRIMARY KEY (issue_id, content_hash, approver)
);
ALTER TABLE issue ADD COLUMN approvals_needed BIGINT NOT NULL DEFAULT 1;
-- How far its approvers were asked: 0 not yet, 1 asked, 2 reminded, 3 told that it is late.
ALTER TABLE issue ADD COLUMN approval_asked BIGINT NOT NULL DEFAULT 0;
UPDATE issue SET approval_asked = 3;
