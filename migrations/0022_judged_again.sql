-- How each event was judged, as a word, and what it takes to judge it again when the rules change.
ALTER TABLE engagement_event ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE engagement_event ADD COLUMN prefetch BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE engagement_event ADD COLUMN honeypot BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX engagement_honeypot ON engagement_event (delivery_id, at_ms) WHERE honeypot;

-- What was judged before has its reason in the sentence.
UPDATE engagement_event SET prefetch = TRUE
    WHERE verdict = 'a browser or mail program fetched it ahead of time; nobody had clicked';
UPDATE engagement_event SET reason = CASE
    WHEN kind IN ('whitepaper_form', 'talk_to_us', 'webinar_registered') THEN 'form'
    WHEN kind IN ('bounce', 'complaint') THEN 'reported'
    WHEN human THEN 'person'
    WHEN verdict LIKE 'it came from a test copy%' THEN 'test'
    WHEN verdict LIKE 'it only asked about the link%' THEN 'method'
    WHEN verdict LIKE 'a browser or mail program fetched%' THEN 'prefetch'
    WHEN verdict LIKE 'it did not say what program%' THEN 'no-agent'
    WHEN verdict LIKE 'the program names itself%' THEN 'scanner-agent'
    WHEN verdict LIKE 'three or more links%' THEN 'burst'
    WHEN verdict LIKE 'it came less than five seconds%' THEN 'too-soon'
    ELSE 'scanner-network' END;

-- Most events are nobody's lead: they need no place in that index.
DROP INDEX engagement_lead;
CREATE INDEX engagement_lead ON engagement_event (lead_id, at_ms) WHERE lead_id IS NOT NULL;
DROP INDEX engagement_delivery;
CREATE INDEX engagement_delivery ON engagement_event (delivery_id, at_ms) WHERE delivery_id IS NOT NULL;

-- By which rules everything that is kept was judged, and how far judging anew has come: events up to `after_id`.
CREATE TABLE engagement_rules (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    version  TEXT NOT NULL,
    after_id TEXT NOT NULL,
    done     BOOLEAN NOT NULL
);
