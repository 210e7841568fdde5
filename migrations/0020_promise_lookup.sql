-- The ledger by time, whatever the newsletter: what was broken lately. By newsletter and local time it is its key's index.
CREATE INDEX promise_due ON promise (due_ms);
