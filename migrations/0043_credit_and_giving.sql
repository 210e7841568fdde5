-- Where the link stood that led to a credited touch, written with the credit: events go in time, and what was won stays.
ALTER TABLE credit ADD COLUMN channel TEXT NOT NULL DEFAULT '';
UPDATE credit SET channel = COALESCE(
    (SELECT CASE WHEN e.channel = '' AND e.delivery_id IS NOT NULL THEN 'mail' ELSE e.channel END
     FROM engagement_event e WHERE e.id = credit.event_id), '')
WHERE event_id IS NOT NULL;
