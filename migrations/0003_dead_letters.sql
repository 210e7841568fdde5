-- Deliveries that wait for a person, as the console lists and sends them again: newest first, by key. The state is not in
-- the condition: an index that names it would have to be kept up with every step of a delivery.
CREATE INDEX delivery_dead_letter ON delivery (id) WHERE NOT live AND accepted_ms IS NULL;
