-- Relays that a node cannot talk to, for people to see: a JSON list of `{relay, since_ms, detail}`.
ALTER TABLE node ADD COLUMN relay_faults TEXT NOT NULL DEFAULT '';
