-- What comes back by mail, and what follows from it.

-- The address without a +tag, lower case: what the do-not-send list goes by.
ALTER TABLE contact ADD COLUMN base_key TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN base_key TEXT NOT NULL DEFAULT '';

-- Trimming all characters but the mark from the left leaves what begins with the mark, in both databases.
UPDATE contact SET base_key = CASE WHEN email_key LIKE '_%+%@%' AND substr(email_key, 1, 1) <> '+'
    THEN substr(email_key, 1, length(email_key) - length(ltrim(email_key, replace(email_key, '+', ''))))
         || ltrim(email_key, replace(email_key, '@', ''))
    ELSE email_key END;
UPDATE delivery SET base_key = CASE WHEN recipient_key LIKE '_%+%@%' AND substr(recipient_key, 1, 1) <> '+'
    THEN substr(recipient_key, 1, length(recipient_key) - length(ltrim(recipient_key, replace(recipient_key, '+', ''))))
         || ltrim(recipient_key, replace(recipient_key, '@', ''))
    ELSE recipient_key END;

-- `email_key` is now such a base, or `@domain` for a whole domain. `source` is unsubscribe, bounce, complaint or person.
ALTER TABLE suppression ADD COLUMN source TEXT NOT NULL DEFAULT 'unsubscribe';
ALTER TABLE suppression ADD COLUMN detail TEXT NOT NULL DEFAULT '';
ALTER TABLE suppression ADD COLUMN expires_ms BIGINT;
INSERT INTO suppression (email_key, scope, reason, created_ms)
    SELECT substr(email_key, 1, length(email_key) - length(ltrim(email_key, replace(email_key, '+', ''))))
               || ltrim(email_key, replace(email_key, '@', '')), scope, MIN(reason), MIN(created_ms)
    FROM suppression WHERE email_key LIKE '_%+%@%' AND substr(email_key, 1, 1) <> '+'
    GROUP BY 1, scope
    ON CONFLICT (email_key, scope) DO NOTHING;
DELETE FROM suppression WHERE email_key LIKE '_%+%@%' AND substr(email_key, 1, 1) <> '+';
CREATE INDEX suppression_expiry ON suppression (expires_ms) WHERE expires_ms IS NOT NULL;

-- Every message that came back, read or not; append-only. `message_hash` makes a second copy harmless.
CREATE TABLE mail_report (
    id              TEXT PRIMARY KEY,
    at_ms           BIGINT NOT NULL,
    source          TEXT NOT NULL,
    message_hash    TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL CHECK (kind IN ('bounce', 'complaint', 'auto-reply', 'unsubscribe', 'other')),
    class           TEXT NOT NULL,
    action          TEXT NOT NULL,
    delivery_id     TEXT REFERENCES delivery (id),
    base_key        TEXT NOT NULL,
    status          TEXT NOT NULL,
    diagnostic      TEXT NOT NULL,
    final_recipient TEXT NOT NULL,
    subject         TEXT NOT NULL,
    changed         BOOLEAN NOT NULL,
    effect          TEXT NOT NULL,
    excerpt         TEXT NOT NULL
);
CREATE INDEX mail_report_time ON mail_report (at_ms, id);
CREATE INDEX mail_report_delivery ON mail_report (delivery_id);
CREATE INDEX mail_report_base ON mail_report (base_key, at_ms);

-- Refusals at the door, which count as what comes back.
CREATE INDEX delivery_refused ON delivery (created_ms) WHERE NOT live AND accepted_ms IS NULL;
