-- Who must decide a conflict has some hours for it: since when they are asked, and how much of their time they were told of. 0: a
-- case of before, whose time begins when it is next looked at.
ALTER TABLE conflict_case ADD COLUMN asked_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conflict_case ADD COLUMN told_percent BIGINT NOT NULL DEFAULT 0;

-- Keys of programs end. Those of before this do not, until they are revoked.
ALTER TABLE api_key ADD COLUMN expires_ms BIGINT;
ALTER TABLE api_key ADD COLUMN told_ms BIGINT;

-- In which language somebody read what they agreed to; empty: nobody noted it.
ALTER TABLE consent ADD COLUMN locale TEXT NOT NULL DEFAULT '';
