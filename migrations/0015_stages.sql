-- Staged release: of which stage somebody is (`pilot`, `first`, `rest`; empty where the issue has none), and when their copy
-- leaves if that is not the promised instant. Which of two subjects a rendition has (`a` or `b`; empty where there is one).
ALTER TABLE audience_decision ADD COLUMN stage TEXT NOT NULL DEFAULT '';
ALTER TABLE audience_decision ADD COLUMN leaves_ms BIGINT;
ALTER TABLE rendition ADD COLUMN arm TEXT NOT NULL DEFAULT '';
