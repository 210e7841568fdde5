-- Where the link stood that led to a credited touch, written with the credit: events go in time, and what was won stays.
ALTER TABLE credit ADD COLUMN channel TEXT NOT NULL DEFAULT '';
UPDATE credit SET channel = COALESCE(
    (SELECT CASE WHEN e.channel = '' AND e.delivery_id IS NOT NULL THEN 'mail' ELSE e.channel END
     FROM engagement_event e WHERE e.id = credit.event_id), '')
WHERE event_id IS NOT NULL;

-- Why the channel manager gave a lead to somebody; empty where they did not say, nothing where the rule chose them.
ALTER TABLE offer ADD COLUMN given_because TEXT;
