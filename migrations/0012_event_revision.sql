-- Which text a file was made of: the revision's hash, which its path is part of. Earlier downloads do not say.
ALTER TABLE engagement_event ADD COLUMN revision TEXT;
CREATE INDEX engagement_revision ON engagement_event (revision, at_ms) WHERE kind = 'download' AND revision IS NOT NULL;
CREATE INDEX engagement_unrecorded ON engagement_event (asset) WHERE kind = 'download' AND revision IS NULL;
-- Nothing asks by asset any more, and without statistics it was taken for what it is not good for.
DROP INDEX engagement_download;
