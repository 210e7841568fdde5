-- The outcome ladder, counted from the rows themselves, so that events which are judged anew count anew.

-- The newsletter or sequence whose message led there, as its delivery says it; empty where none did.
ALTER TABLE engagement_event ADD COLUMN scope TEXT NOT NULL DEFAULT '';
UPDATE engagement_event SET scope = (SELECT d.scope FROM delivery d WHERE d.id = engagement_event.delivery_id)
WHERE delivery_id IN (SELECT id FROM delivery WHERE lane > 0);

-- Whether only what the ladder counts is left of it. What is left says nothing of the request, so nobody judges it again.
ALTER TABLE engagement_event ADD COLUMN reduced BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX engagement_raw ON engagement_event (at_ms, id) WHERE NOT reduced;

-- All that the ladder asks of an event, in the order in which people are told apart.
CREATE INDEX engagement_people ON engagement_event (partner_slug, lead_id, contact_id, asset, scope, kind, at_ms)
WHERE human;

-- Mail of issues and sequences that was accepted; a link by its rendition leads to the assets in it.
CREATE INDEX delivery_accepted ON delivery (accepted_ms, id, partner_slug, scope, rendition_id)
WHERE accepted_ms IS NOT NULL AND lane > 0;

-- When each lead reached a stage first.
CREATE INDEX lead_step_stage ON lead_step (stage, lead_id, at_ms);

-- People who were erased, by salted hash of their address without its tag: nobody takes them in again by a roster.
CREATE TABLE erased_address (
    hash      TEXT PRIMARY KEY,
    salt      TEXT NOT NULL,
    erased_ms BIGINT NOT NULL
);
