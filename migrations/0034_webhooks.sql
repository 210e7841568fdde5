-- Where another system is told what happened: a partner's, or the vendor's own (partner_slug is empty).
CREATE TABLE webhook_endpoint (
    id               TEXT PRIMARY KEY,
    partner_slug     TEXT NOT NULL,
    name             TEXT NOT NULL,
    url              TEXT NOT NULL,
    contact_name     TEXT NOT NULL,
    contact_email    TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('pending', 'active', 'paused', 'disabled', 'removed')),
    because          TEXT NOT NULL,
    state_ms         BIGINT NOT NULL,
    ordered          BOOLEAN NOT NULL,
    per_second       BIGINT NOT NULL,
    concurrency      BIGINT NOT NULL,
    created_ms       BIGINT NOT NULL,
    created_by       TEXT NOT NULL,
    -- How it fares, and until when it is left alone.
    failures         BIGINT NOT NULL DEFAULT 0,
    failing_since_ms BIGINT,
    told_ms          BIGINT,
    rest_ms          BIGINT NOT NULL DEFAULT 0,
    -- Until when it asked to be left alone, and up to which time its rate is used, in microseconds.
    throttled_ms     BIGINT NOT NULL DEFAULT 0,
    paid_us          BIGINT NOT NULL DEFAULT 0,
    -- How often somebody had it go on: a turn that began before says nothing about how it fares now.
    anew             BIGINT NOT NULL DEFAULT 0,
    -- Whether a process has its turn. Each turn raises the token; who sees the same one held for too long frees it.
    held             BOOLEAN NOT NULL DEFAULT FALSE,
    token            BIGINT NOT NULL DEFAULT 0,
    turn_ms          BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX webhook_endpoint_place ON webhook_endpoint (partner_slug, url) WHERE state <> 'removed';
CREATE INDEX webhook_endpoint_held ON webhook_endpoint (id) WHERE held;

-- What it wants: `*`, `lead.*`, `lead.won`.
CREATE TABLE webhook_filter (
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
    entry       TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, entry)
);

-- What its messages are signed with, sealed. While secrets are being changed several count.
CREATE TABLE webhook_secret (
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
    no          BIGINT NOT NULL,
    sealed      TEXT NOT NULL,
    created_ms  BIGINT NOT NULL,
    retires_ms  BIGINT,
    PRIMARY KEY (endpoint_id, no)
);

-- What happened, in the words that are sent. Its id is the `webhook-id` of every try.
CREATE TABLE webhook_event (
    id      TEXT PRIMARY KEY,
    kind    TEXT NOT NULL,
    at_ms   BIGINT NOT NULL,
    -- The lead that it tells of, or nothing: answers to it are forgotten with the person.
    subject TEXT NOT NULL DEFAULT '',
    payload TEXT NOT NULL
);
CREATE INDEX webhook_event_subject ON webhook_event (subject) WHERE subject <> '';

-- One event for one endpoint, written in the transaction of what it tells of.
CREATE TABLE webhook_message (
    event_id    TEXT NOT NULL REFERENCES webhook_event (id),
    endpoint_id TEXT NOT NULL REFERENCES webhook_endpoint (id),
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'delivered', 'failed')),
    because     TEXT NOT NULL DEFAULT '',
    made_ms     BIGINT NOT NULL,
    due_ms      BIGINT NOT NULL,
    ended_ms    BIGINT,
    tries       BIGINT NOT NULL DEFAULT 0,
    attempts    BIGINT NOT NULL DEFAULT 0,
    token       BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (event_id, endpoint_id)
);
CREATE INDEX webhook_message_due ON webhook_message (endpoint_id, state, due_ms, event_id);
CREATE INDEX webhook_message_list ON webhook_message (endpoint_id, event_id);
-- What has not ended, by the time in its id: the oldest goes first, and there may be much behind it that has.
CREATE INDEX webhook_message_open ON webhook_message (endpoint_id, event_id) WHERE ended_ms IS NULL;
-- What has waited longest, at whichever endpoint.
CREATE INDEX webhook_message_waiting ON webhook_message (made_ms) WHERE ended_ms IS NULL;
CREATE INDEX webhook_message_ended ON webhook_message (ended_ms) WHERE ended_ms IS NOT NULL;

-- Each try. Only added to.
CREATE TABLE webhook_attempt (
    endpoint_id TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    no          BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    took_ms     BIGINT NOT NULL,
    verdict     TEXT NOT NULL,
    status      BIGINT,
    detail      TEXT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (endpoint_id, event_id, no)
);
