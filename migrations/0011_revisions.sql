-- Which text of a file was the head when: numbers from 1 for each path, never changed, never deleted. The commit is the
-- content folder's at that sync; whether the file as synced equals it is not looked at.
CREATE TABLE content_history (
    path               TEXT NOT NULL,
    no                 BIGINT NOT NULL,
    hash               TEXT NOT NULL,
    is_text            BOOLEAN NOT NULL,
    since_ms           BIGINT NOT NULL,
    commit_id          TEXT,
    commit_subject     TEXT,
    commit_authored_ms BIGINT,
    PRIMARY KEY (path, no)
);

-- When a path left the folder, while `no` was its head.
CREATE TABLE content_removal (
    path      TEXT NOT NULL,
    no        BIGINT NOT NULL,
    at_ms     BIGINT NOT NULL,
    commit_id TEXT,
    PRIMARY KEY (path, no)
);

-- What an installation holds already is number 1.
INSERT INTO content_history (path, no, hash, is_text, since_ms)
SELECT h.path, 1, h.hash, h.is_text, COALESCE(r.stored_ms, f.stored_ms, h.stored_ms)
FROM content_head h
LEFT JOIN content_revision r ON r.hash = h.hash
LEFT JOIN stored_file f ON f.hash = h.hash;

-- The files that went into a rendition, as they were then. `part` is what of them: the issue's own text, a card, or the
-- newsletter's standing text.
CREATE TABLE rendition_asset (
    rendition_id TEXT NOT NULL REFERENCES rendition (id),
    path         TEXT NOT NULL,
    hash         TEXT NOT NULL,
    part         TEXT NOT NULL CHECK (part IN ('text', 'card', 'standing')),
    PRIMARY KEY (rendition_id, path)
);
CREATE INDEX rendition_asset_path ON rendition_asset (path, hash);

-- Leads who took a file, by asset.
CREATE INDEX engagement_download ON engagement_event (asset, at_ms) WHERE kind = 'download';

-- Assets taken back: links to `reference` lead to `target`, or, once it is removed, to a page that says so. `good_no` is the
-- original's number that replaced what was wrong. One in force for an asset; lifted ones stay.
CREATE TABLE recall (
    id          TEXT PRIMARY KEY,
    reference   TEXT NOT NULL,
    target      TEXT,
    because     TEXT NOT NULL,
    good_no     BIGINT,
    actor       TEXT NOT NULL,
    recalled_ms BIGINT NOT NULL,
    lifted_ms   BIGINT,
    lifted_by   TEXT
);
CREATE UNIQUE INDEX recall_in_force ON recall (reference) WHERE lifted_ms IS NULL;
