-- Since when what is wanted of a post on a site is wanted, who sees what is withdrawn was seen by before (a status of WordPress; empty
-- for what is not withdrawn), and when whoever looks after the partner was told that it waits.
ALTER TABLE site_post ADD COLUMN wanted_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE site_post ADD COLUMN was_status TEXT NOT NULL DEFAULT '';
ALTER TABLE site_post ADD COLUMN told_ms BIGINT NOT NULL DEFAULT 0;
UPDATE site_post SET wanted_ms = changed_ms;
-- Of what was withdrawn before nobody knows; it comes back as posts are made there.
UPDATE site_post SET was_status = (SELECT s.mode FROM site s WHERE s.id = site_post.site_id)
WHERE state = 'withdrawn' AND remote_id IS NOT NULL;

-- The account's own page as its server names it, by which one is known that has several names for its server; empty where none says it.
ALTER TABLE social_account ADD COLUMN profile_url TEXT NOT NULL DEFAULT '';
-- The recall of which people were told that this post stands at its network still; empty for none.
ALTER TABLE social_post ADD COLUMN told_recall TEXT NOT NULL DEFAULT '';
-- Whether its network refused it as one that the account has already: `withdrawn` is its state, and others were never posted.
ALTER TABLE social_post ADD COLUMN is_there BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX social_post_asset ON social_post (asset);
