-- Why a lead was closed after contact, or lost, in one word, with the step that says so: what is closed and comes back is counted
-- as often as it was closed.
ALTER TABLE lead_step ADD COLUMN reason TEXT NOT NULL DEFAULT '';
UPDATE lead_step SET reason = CASE
    WHEN what LIKE '%Could not be reached%' THEN 'unreachable'
    WHEN what LIKE '%The contact data is wrong%' THEN 'bad_data'
    WHEN what LIKE '%No need%' THEN 'no_need'
    WHEN what LIKE '%No budget%' THEN 'no_budget'
    WHEN what LIKE '%Not a fit%' THEN 'no_fit'
    WHEN what LIKE '%Not now%' THEN 'timing'
    WHEN what LIKE '%Chose a competitor%' THEN 'competitor'
    WHEN what LIKE '%A deal is under way already%' THEN 'existing_deal'
    WHEN what LIKE '%Another partner works with them%' THEN 'conflict'
    ELSE '' END
WHERE stage = 'disqualified' OR (stage = 'lost' AND what LIKE 'lost the deal.%');
CREATE INDEX lead_step_reason ON lead_step (at_ms) WHERE reason <> '';
