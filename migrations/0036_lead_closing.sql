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
-- Since when somebody who asked again waits for an answer, and what an offer asks for: to work the lead, to decide about it, or to
-- answer who asks again.
ALTER TABLE lead ADD COLUMN asked_again_ms BIGINT;
ALTER TABLE offer ADD COLUMN purpose TEXT NOT NULL DEFAULT 'work' CHECK (purpose IN ('work', 'decide', 'answer'));
CREATE INDEX lead_step_reason ON lead_step (at_ms) WHERE reason <> '';
