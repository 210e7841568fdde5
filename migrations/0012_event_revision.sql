-- Which text a file or page was made of: the revision's hash, which its path is part of. Earlier events do not say.
ALTER TABLE engagement_event ADD COLUMN revision TEXT;
CREATE INDEX engagement_revision ON engagement_event (revision, at_ms) WHERE kind = 'download';
