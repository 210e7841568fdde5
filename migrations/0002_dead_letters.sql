-- Deliveries that wait for a person, as the console lists and sends them again: newest first, by key.
CREATE INDEX delivery_dead_letter ON delivery (id) WHERE state IN ('failed', 'uncertain', 'expired', 'dead');
