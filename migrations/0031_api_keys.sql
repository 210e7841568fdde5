-- Keys of programs that send leads: what they may do, for whom, and when they were used last. The key itself is kept as a hash.
CREATE TABLE api_key (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    key_hash     TEXT NOT NULL UNIQUE,
    purpose      TEXT NOT NULL,
    partner_slug TEXT,
    created_ms   BIGINT NOT NULL,
    created_by   TEXT NOT NULL,
    used_ms      BIGINT,
    revoked_ms   BIGINT
);

-- What was answered to a request, for one that is sent again with the same Idempotency-Key.
CREATE TABLE api_answer (
    key_id      TEXT NOT NULL REFERENCES api_key (id),
    request_key TEXT NOT NULL,
    body_hash   TEXT NOT NULL,
    answer      TEXT NOT NULL,
    at_ms       BIGINT NOT NULL,
    PRIMARY KEY (key_id, request_key)
);
CREATE INDEX api_answer_time ON api_answer (at_ms);
