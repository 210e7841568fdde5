-- One person, or one company, known through two partners: who goes on.

-- Whom an address belongs to: the address without its tag, and the company's domain; no company for mail that anybody can have.
ALTER TABLE lead ADD COLUMN person_key TEXT NOT NULL DEFAULT '';
ALTER TABLE lead ADD COLUMN account TEXT NOT NULL DEFAULT '';
-- RTRIM and LTRIM take all characters of a set: all but one leave what stands before, or behind, that one.
UPDATE lead SET person_key = email_key,
    account = SUBSTR(email_key, LENGTH(RTRIM(email_key, REPLACE(email_key, '@', ''))) + 1);
UPDATE lead SET person_key =
    SUBSTR(email_key, 1, LENGTH(email_key) - LENGTH(LTRIM(email_key, REPLACE(email_key, '+', '')))) || '@' || account
WHERE email_key LIKE '_%+%@%' AND email_key NOT LIKE '+%';
UPDATE lead SET account = '' WHERE account IN ('erased.invalid',
    '126.com', '163.com', 'aol.com', 'bigpond.com', 'bluewin.ch', 'btinternet.com', 'comcast.net', 'duck.com',
    'fastmail.com', 'free.fr', 'freenet.de', 'gmail.com', 'gmx.at', 'gmx.ch', 'gmx.com', 'gmx.de', 'gmx.net',
    'googlemail.com', 'hey.com', 'hotmail.co.uk', 'hotmail.com', 'hotmail.de', 'hotmail.es', 'hotmail.fr',
    'icloud.com', 'laposte.net', 'libero.it', 'live.com', 'mac.com', 'mail.com', 'mail.ru', 'me.com', 'msn.com',
    'naver.com', 'online.no', 'orange.fr', 'outlook.com', 'outlook.de', 'outlook.es', 'outlook.fr', 'pm.me',
    'posteo.de', 'proton.me', 'protonmail.com', 'qq.com', 'rediffmail.com', 'seznam.cz', 't-online.de',
    'terra.com.br', 'tutanota.com', 'uol.com.br', 'verizon.net', 'virgilio.it', 'wanadoo.fr', 'web.de', 'wp.pl',
    'yahoo.ca', 'yahoo.co.in', 'yahoo.co.jp', 'yahoo.co.uk', 'yahoo.com', 'yahoo.com.au', 'yahoo.com.br',
    'yahoo.com.mx', 'yahoo.de', 'yahoo.es', 'yahoo.fr', 'yahoo.it', 'yandex.ru', 'ymail.com', 'zoho.com');
CREATE INDEX lead_person ON lead (person_key);
CREATE INDEX lead_account ON lead (account);

-- A case: `subject` is the person's address without its tag, or the company's domain. While it is not over there is one of each.
-- `version` goes up with every change, so that nobody decides what they have not seen. A decision is settled once the leads
-- that lost are with nobody and the one that won is with somebody.
CREATE TABLE conflict_case (
    id         TEXT PRIMARY KEY,
    scope      TEXT NOT NULL CHECK (scope IN ('person', 'account')),
    subject    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('open', 'decided', 'over')),
    version    BIGINT NOT NULL,
    opened_ms  BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    winner     TEXT,
    settled    BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX conflict_live ON conflict_case (scope, subject) WHERE state <> 'over';
CREATE INDEX conflict_changed ON conflict_case (changed_ms);

-- The leads of a case. One that is held is offered to nobody and gets no sequence; `asks` is how urgently somebody was to call
-- (hot, standard), or empty.
CREATE TABLE conflict_party (
    case_id      TEXT NOT NULL REFERENCES conflict_case (id),
    lead_id      TEXT NOT NULL REFERENCES lead (id),
    partner_slug TEXT NOT NULL,
    joined_ms    BIGINT NOT NULL,
    asks         TEXT NOT NULL,
    held         BOOLEAN NOT NULL,
    PRIMARY KEY (case_id, lead_id)
);
CREATE INDEX conflict_party_lead ON conflict_party (lead_id);
CREATE INDEX conflict_held ON conflict_party (lead_id) WHERE held;

-- What happened in a case, only ever added to: who did it, by which rule or for which reason, and what its leads looked like.
CREATE TABLE conflict_step (
    case_id TEXT NOT NULL REFERENCES conflict_case (id),
    no      BIGINT NOT NULL,
    at_ms   BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    what    TEXT NOT NULL,
    because TEXT NOT NULL,
    winner  TEXT,
    looked  TEXT NOT NULL,
    PRIMARY KEY (case_id, no)
);
