-- How long somebody looked at a page: of events of the kind `page_read` alone, in milliseconds.
ALTER TABLE engagement_event ADD COLUMN stayed_ms BIGINT;
