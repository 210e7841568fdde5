-- One text for SQLite and PostgreSQL: TEXT, BIGINT, BOOLEAN, DOUBLE PRECISION, CHECK, REFERENCES, partial indexes.
-- Times are UTC milliseconds (`_ms`), bound by the program, never made by the database.

-- Running processes; a node whose heartbeat is old has its deliveries taken over.
CREATE TABLE node (
    id           TEXT PRIMARY KEY,
    started_ms   BIGINT NOT NULL,
    heartbeat_ms BIGINT NOT NULL
);

-- Small files by content hash (logos, images); base64, so that a backup of the database is a whole backup.
CREATE TABLE stored_file (
    hash       TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    base64     TEXT NOT NULL,
    stored_ms  BIGINT NOT NULL
);

-- Every text that was ever synced, by content hash. Never changed, never deleted.
CREATE TABLE content_revision (
    hash      TEXT PRIMARY KEY,
    path      TEXT NOT NULL,
    source    TEXT NOT NULL,
    stored_ms BIGINT NOT NULL
);

-- What the content folder holds now.
CREATE TABLE content_head (
    path      TEXT PRIMARY KEY,
    hash      TEXT NOT NULL,
    is_text   BOOLEAN NOT NULL,
    stored_ms BIGINT NOT NULL
);

CREATE TABLE partner (
    slug                  TEXT PRIMARY KEY,
    name                  TEXT NOT NULL,
    partner_type          TEXT NOT NULL,
    tier                  TEXT NOT NULL,
    region                TEXT NOT NULL,
    city                  TEXT NOT NULL,
    zone                  TEXT NOT NULL,
    locale                TEXT NOT NULL,
    verticals             TEXT NOT NULL,
    parent                TEXT,
    channel_manager_email TEXT NOT NULL,
    website               TEXT NOT NULL,
    brand                 TEXT NOT NULL,
    updated_ms            BIGINT NOT NULL
);

CREATE TABLE contact (
    id           TEXT PRIMARY KEY,
    partner_slug TEXT NOT NULL REFERENCES partner (slug),
    name         TEXT NOT NULL,
    email        TEXT NOT NULL,
    email_key    TEXT NOT NULL UNIQUE,
    roles        TEXT NOT NULL,
    locale       TEXT,
    zone         TEXT,
    lead_contact BOOLEAN NOT NULL,
    active       BOOLEAN NOT NULL,
    updated_ms   BIGINT NOT NULL
);
CREATE INDEX contact_partner ON contact (partner_slug);

-- Who must not be sent to. `scope` is a newsletter's slug, or `all`.
CREATE TABLE suppression (
    email_key  TEXT NOT NULL,
    scope      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (email_key, scope)
);

CREATE TABLE issue (
    id           TEXT PRIMARY KEY,
    newsletter   TEXT NOT NULL,
    nominal_date TEXT NOT NULL,
    title        TEXT NOT NULL,
    plan_hash    TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('draft', 'frozen', 'approved', 'released', 'sending', 'done', 'cancelled')),
    control      TEXT NOT NULL CHECK (control IN ('running', 'paused', 'cancelled')),
    held_because TEXT,
    on_time_ms   BIGINT NOT NULL,
    frozen_ms    BIGINT NOT NULL,
    approved_by  TEXT,
    approved_ms  BIGINT,
    released_ms  BIGINT,
    done_ms      BIGINT,
    UNIQUE (newsletter, nominal_date)
);

-- One promise kept in one zone: nominal local time and zone are the key, so that no clock change can double it.
CREATE TABLE occurrence (
    newsletter    TEXT NOT NULL,
    nominal_local TEXT NOT NULL,
    zone          TEXT NOT NULL,
    issue_id      TEXT NOT NULL REFERENCES issue (id),
    due_ms        BIGINT NOT NULL,
    note          TEXT,
    PRIMARY KEY (newsletter, nominal_local, zone)
);

-- One message as one group of readers gets it: everything encoded but the recipient's slots.
CREATE TABLE rendition (
    id           TEXT PRIMARY KEY,
    issue_id     TEXT REFERENCES issue (id),
    partner_slug TEXT NOT NULL,
    roles        TEXT NOT NULL,
    locale       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    sender       TEXT NOT NULL,
    body         TEXT NOT NULL,
    wire         TEXT NOT NULL,
    created_ms   BIGINT NOT NULL
);
CREATE INDEX rendition_issue ON rendition (issue_id);

-- Where the tracked links of a rendition lead. The target of a click comes from here, never from the address clicked.
CREATE TABLE link (
    rendition_id TEXT NOT NULL REFERENCES rendition (id),
    no           BIGINT NOT NULL,
    target       TEXT NOT NULL,
    label        TEXT NOT NULL,
    asset        TEXT,
    PRIMARY KEY (rendition_id, no)
);

-- Everybody who was considered for an issue, with the reason in or out.
CREATE TABLE audience_decision (
    issue_id     TEXT NOT NULL REFERENCES issue (id),
    contact_id   TEXT NOT NULL REFERENCES contact (id),
    included     BOOLEAN NOT NULL,
    because      TEXT NOT NULL,
    zone         TEXT NOT NULL,
    rendition_id TEXT,
    delivery_id  TEXT,
    PRIMARY KEY (issue_id, contact_id)
);

-- The queue and the ledger: one message to one recipient over one channel.
CREATE TABLE delivery (
    id             TEXT PRIMARY KEY,
    source         TEXT NOT NULL,
    issue_id       TEXT REFERENCES issue (id),
    contact_id     TEXT REFERENCES contact (id),
    lead_id        TEXT,
    partner_slug   TEXT NOT NULL,
    recipient_key  TEXT NOT NULL,
    recipient_name TEXT NOT NULL,
    email          TEXT NOT NULL,
    channel        TEXT NOT NULL,
    generation     BIGINT NOT NULL,
    lane           BIGINT NOT NULL,
    scope          TEXT NOT NULL,
    rendition_id   TEXT NOT NULL REFERENCES rendition (id),
    message_id     TEXT NOT NULL,
    because        TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('ready', 'leased', 'sending', 'accepted', 'failed', 'uncertain',
                                                  'suppressed', 'cancelled', 'expired', 'dead')),
    due_ms         BIGINT NOT NULL,
    promised_ms    BIGINT NOT NULL,
    expires_ms     BIGINT NOT NULL,
    attempt        BIGINT NOT NULL DEFAULT 0,
    tries          BIGINT NOT NULL DEFAULT 0,
    crashes        BIGINT NOT NULL DEFAULT 0,
    token          BIGINT NOT NULL DEFAULT 0,
    node_id        TEXT,
    detail         TEXT,
    accepted_ms    BIGINT,
    created_ms     BIGINT NOT NULL,
    UNIQUE (source, recipient_key, channel, generation)
);
CREATE INDEX delivery_ready ON delivery (lane, due_ms, id) WHERE state = 'ready';
CREATE INDEX delivery_in_hand ON delivery (node_id, state) WHERE state IN ('leased', 'sending');
CREATE INDEX delivery_issue ON delivery (issue_id, state);

-- Append-only evidence: what happened at each try.
CREATE TABLE attempt (
    delivery_id TEXT NOT NULL REFERENCES delivery (id),
    no          BIGINT NOT NULL,
    node_id     TEXT NOT NULL,
    ended_ms    BIGINT NOT NULL,
    outcome     TEXT NOT NULL,
    stage       TEXT,
    code        BIGINT,
    reply       TEXT NOT NULL,
    PRIMARY KEY (delivery_id, no)
);

CREATE TABLE lead (
    id            TEXT PRIMARY KEY,
    partner_slug  TEXT NOT NULL REFERENCES partner (slug),
    email         TEXT NOT NULL,
    email_key     TEXT NOT NULL,
    name          TEXT NOT NULL,
    company       TEXT NOT NULL,
    phone         TEXT,
    job_role      TEXT,
    company_size  TEXT,
    locale        TEXT NOT NULL,
    stage         TEXT NOT NULL,
    score         BIGINT NOT NULL,
    fit           TEXT NOT NULL,
    because       TEXT NOT NULL,
    asset         TEXT NOT NULL,
    origin        TEXT NOT NULL,
    owner_name    TEXT,
    owner_email   TEXT,
    created_ms    BIGINT NOT NULL,
    updated_ms    BIGINT NOT NULL,
    UNIQUE (email_key, partner_slug)
);
CREATE INDEX lead_stage ON lead (stage, updated_ms);

-- What happened to a lead, in order; never changed.
CREATE TABLE lead_step (
    lead_id TEXT NOT NULL REFERENCES lead (id),
    no      BIGINT NOT NULL,
    at_ms   BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    stage   TEXT NOT NULL,
    what    TEXT NOT NULL,
    PRIMARY KEY (lead_id, no)
);

-- What a person agreed to, in the words they saw.
CREATE TABLE consent (
    lead_id      TEXT NOT NULL REFERENCES lead (id),
    text_id      TEXT NOT NULL,
    text_version BIGINT NOT NULL,
    at_ms        BIGINT NOT NULL,
    purpose      TEXT NOT NULL,
    wording      TEXT NOT NULL,
    granted      BOOLEAN NOT NULL,
    PRIMARY KEY (lead_id, text_id, text_version, at_ms)
);

CREATE TABLE offer (
    id            TEXT PRIMARY KEY,
    lead_id       TEXT NOT NULL REFERENCES lead (id),
    contact_id    TEXT,
    rep_name      TEXT NOT NULL,
    rep_email     TEXT NOT NULL,
    because       TEXT NOT NULL,
    temperature   TEXT NOT NULL CHECK (temperature IN ('hot', 'standard')),
    offered_ms    BIGINT NOT NULL,
    viewed_ms     BIGINT,
    answered_ms   BIGINT,
    answer        TEXT CHECK (answer IN ('accepted', 'rejected', 'recalled')),
    answer_reason TEXT
);
CREATE INDEX offer_lead ON offer (lead_id, offered_ms);
CREATE UNIQUE INDEX offer_open ON offer (lead_id) WHERE answered_ms IS NULL;

-- Clocks that run, and ran, on a lead.
CREATE TABLE sla_clock (
    lead_id    TEXT NOT NULL REFERENCES lead (id),
    kind       TEXT NOT NULL CHECK (kind IN ('accept', 'first_contact', 'next_step')),
    started_ms BIGINT NOT NULL,
    due_ms     BIGINT NOT NULL,
    stopped_ms BIGINT,
    owner      TEXT NOT NULL,
    PRIMARY KEY (lead_id, kind, started_ms, owner)
);

-- What people and machines did. Kept raw, judged, and judged again when the rules change.
CREATE TABLE engagement_event (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    at_ms        BIGINT NOT NULL,
    delivery_id  TEXT,
    contact_id   TEXT,
    lead_id      TEXT,
    partner_slug TEXT NOT NULL,
    asset        TEXT,
    link_no      BIGINT,
    method       TEXT NOT NULL,
    agent        TEXT NOT NULL,
    network      TEXT NOT NULL,
    human        BOOLEAN NOT NULL,
    verdict      TEXT NOT NULL
);
CREATE INDEX engagement_lead ON engagement_event (lead_id, at_ms);
CREATE INDEX engagement_delivery ON engagement_event (delivery_id, at_ms);
CREATE INDEX engagement_time ON engagement_event (at_ms);

-- Signed-in browsers; the id is stored as a hash. `subject` is a contact's id, or `operator`.
CREATE TABLE session (
    id_hash    TEXT PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('console', 'desk')),
    subject    TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL
);

-- Tokens that work once and have been used.
CREATE TABLE used_token (
    hash    TEXT PRIMARY KEY,
    used_ms BIGINT NOT NULL
);

-- Who did what; append-only.
CREATE TABLE audit (
    id      TEXT PRIMARY KEY,
    at_ms   BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
);
