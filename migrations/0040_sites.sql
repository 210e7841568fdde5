-- A partner's own site that we post to, with what opens it, sealed.
CREATE TABLE site (
    id            TEXT PRIMARY KEY,
    partner_slug  TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('wordpress')),
    url           TEXT NOT NULL,
    username      TEXT NOT NULL,
    sealed        TEXT NOT NULL,
    mode          TEXT NOT NULL CHECK (mode IN ('draft', 'publish')),
    -- What was published before this day, as the partner's calendar has it, is not posted.
    since_day     TEXT NOT NULL,
    contact_email TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('active', 'refused', 'removed')),
    because       TEXT NOT NULL,
    state_ms      BIGINT NOT NULL,
    -- Until when it asked to be left alone.
    rest_ms       BIGINT NOT NULL DEFAULT 0,
    created_ms    BIGINT NOT NULL,
    created_by    TEXT NOT NULL
);
CREATE UNIQUE INDEX site_place ON site (partner_slug, url) WHERE state <> 'removed';

-- One asset on one site: what should stand there, what does, and the id that the site gave it.
CREATE TABLE site_post (
    site_id    TEXT NOT NULL REFERENCES site (id),
    asset      TEXT NOT NULL,
    slug       TEXT NOT NULL,
    -- Hashes; empty for what is withdrawn, and for what does not stand there yet.
    wanted     TEXT NOT NULL,
    placed     TEXT NOT NULL DEFAULT '',
    remote_id  BIGINT,
    remote_url TEXT NOT NULL DEFAULT '',
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'placed', 'withdrawn', 'failed', 'gone')),
    because    TEXT NOT NULL DEFAULT '',
    due_ms     BIGINT NOT NULL,
    -- Until when a try of which nobody knows may still be at work there: nothing is looked for or made before.
    unsure_ms  BIGINT NOT NULL DEFAULT 0,
    tries      BIGINT NOT NULL DEFAULT 0,
    -- Each try raises it; who sees the same one on its way for too long frees it.
    token      BIGINT NOT NULL DEFAULT 0,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (site_id, asset)
);
CREATE INDEX site_post_due ON site_post (state, due_ms);
