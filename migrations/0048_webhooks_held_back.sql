-- Since when a message waits for a fault of ours; nothing once anything else came of a try.
ALTER TABLE webhook_message ADD COLUMN withheld_since_ms BIGINT;
CREATE INDEX webhook_message_withheld ON webhook_message (endpoint_id, withheld_since_ms)
    WHERE withheld_since_ms IS NOT NULL AND ended_ms IS NULL;
-- When the channel managers were told that it waits for long: only what must not be lost.
ALTER TABLE webhook_message ADD COLUMN told_ms BIGINT;

-- When the channel managers were told that messages of an endpoint wait for a fault of ours.
ALTER TABLE webhook_endpoint ADD COLUMN withheld_told_ms BIGINT;
-- When a try failed last: failures that lie far apart are none in a row.
ALTER TABLE webhook_endpoint ADD COLUMN failed_ms BIGINT;
UPDATE webhook_endpoint SET failed_ms = failing_since_ms;

-- What partners with endpoints were told that they may see, each asset with a stamp of what it said; and of each partner a mark of all
-- that, so that nothing is read where nothing changed.
CREATE TABLE webhook_audience (
    partner_slug TEXT PRIMARY KEY,
    mark         TEXT NOT NULL
);
CREATE TABLE webhook_visible (
    partner_slug TEXT NOT NULL,
    asset        TEXT NOT NULL,
    stamp        TEXT NOT NULL,
    since_ms     BIGINT NOT NULL,
    PRIMARY KEY (partner_slug, asset)
);
CREATE INDEX webhook_visible_asset ON webhook_visible (asset);
