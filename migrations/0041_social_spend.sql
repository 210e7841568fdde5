-- What was spent in a month at a network whose interface costs money: one row, so that two nodes cannot both spend the last of a budget.
-- Money is in millionths of a US dollar; the month is the vendor's, 2027-02.
CREATE TABLE social_month (
    network      TEXT NOT NULL,
    month        TEXT NOT NULL,
    spent_micros BIGINT NOT NULL DEFAULT 0,
    -- The last notice that was given, in percent of the budget.
    told_percent BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (network, month)
);

-- For what. Written before anything is asked; what certainly cost nothing is taken off again.
CREATE TABLE social_spend (
    id         TEXT PRIMARY KEY,
    network    TEXT NOT NULL,
    month      TEXT NOT NULL,
    at_ms      BIGINT NOT NULL,
    -- Empty for an account that is being connected, and where it was for no post.
    account_id TEXT NOT NULL,
    post_id    TEXT NOT NULL,
    what       TEXT NOT NULL CHECK (what IN ('post', 'post_with_link', 'picture', 'read_posts', 'read_user')),
    micros     BIGINT NOT NULL
);
CREATE INDEX social_spend_month ON social_spend (network, month, what);

-- Since when a process renews an account's tokens: of those that may be used once, one process alone uses one.
ALTER TABLE social_account ADD COLUMN renewing_ms BIGINT NOT NULL DEFAULT 0;
