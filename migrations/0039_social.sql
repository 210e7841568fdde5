-- A partner's account in a social network. Secret and session are sealed.
CREATE TABLE social_account (
    id           TEXT PRIMARY KEY,
    partner_slug TEXT NOT NULL,
    network      TEXT NOT NULL CHECK (network IN ('bluesky', 'mastodon', 'linkedin', 'x')),
    -- `https://host`; empty where a person posts.
    server       TEXT NOT NULL,
    handle       TEXT NOT NULL,
    -- What stays when the handle changes: a DID, an id at its server.
    remote_id    TEXT NOT NULL,
    mode         TEXT NOT NULL CHECK (mode IN ('auto', 'approve', 'share_kit')),
    state        TEXT NOT NULL CHECK (state IN ('active', 'needs_reconnect', 'disconnected')),
    because      TEXT NOT NULL,
    state_ms     BIGINT NOT NULL,
    secret       TEXT NOT NULL,
    session      TEXT NOT NULL DEFAULT '',
    -- When its token ends, where that is known, and the last warning, in days before.
    expires_ms   BIGINT,
    told_days    BIGINT,
    connected_ms BIGINT NOT NULL,
    connected_by TEXT NOT NULL,
    -- When it last worked, and until when its server wants to be left alone.
    worked_ms    BIGINT,
    rest_ms      BIGINT NOT NULL DEFAULT 0,
    -- Whether a process has its turn. Each turn raises the token; who sees the same one held for too long frees it.
    held         BOOLEAN NOT NULL DEFAULT FALSE,
    token        BIGINT NOT NULL DEFAULT 0,
    turn_ms      BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX social_account_place ON social_account (partner_slug, network, server, remote_id)
    WHERE state <> 'disconnected';
CREATE INDEX social_account_held ON social_account (id) WHERE held;

-- One asset in one account, once for ever.
CREATE TABLE social_post (
    id           TEXT PRIMARY KEY,
    account_id   TEXT NOT NULL REFERENCES social_account (id),
    partner_slug TEXT NOT NULL,
    asset        TEXT NOT NULL,
    -- What is posted, as JSON, and its hash, to which approval is bound.
    content      TEXT NOT NULL,
    hash         TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('waiting_approval', 'due', 'sending', 'posted', 'failed', 'kit', 'withdrawn')),
    because      TEXT NOT NULL DEFAULT '',
    made_ms      BIGINT NOT NULL,
    -- Since when it may be posted, and when it is tried next.
    ready_ms     BIGINT NOT NULL,
    due_ms       BIGINT NOT NULL,
    ended_ms     BIGINT,
    tries        BIGINT NOT NULL DEFAULT 0,
    attempts     BIGINT NOT NULL DEFAULT 0,
    token        BIGINT NOT NULL DEFAULT 0,
    -- Whether a try may have arrived of which nobody knows.
    uncertain    BOOLEAN NOT NULL DEFAULT FALSE,
    approved_by  TEXT NOT NULL DEFAULT '',
    approved_ms  BIGINT,
    remote_uri   TEXT NOT NULL DEFAULT '',
    remote_cid   TEXT NOT NULL DEFAULT '',
    remote_url   TEXT NOT NULL DEFAULT '',
    UNIQUE (account_id, asset)
);
CREATE INDEX social_post_due ON social_post (account_id, state, due_ms, id);
CREATE INDEX social_post_open ON social_post (account_id, id) WHERE ended_ms IS NULL;

-- Each try. Only added to.
CREATE TABLE social_attempt (
    post_id TEXT NOT NULL,
    no      BIGINT NOT NULL,
    at_ms   BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    status  BIGINT,
    detail  TEXT NOT NULL,
    PRIMARY KEY (post_id, no)
);
