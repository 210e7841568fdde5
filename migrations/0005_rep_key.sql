-- A desk belongs to an address: a channel manager whom a lead is offered to is no contact of a partner.
ALTER TABLE offer ADD COLUMN rep_key TEXT NOT NULL DEFAULT '';
UPDATE offer SET rep_key = LOWER(rep_email);
CREATE INDEX offer_rep ON offer (rep_key);

-- From now on `subject` of a desk session is the rep's lower-cased address.
UPDATE session SET subject = (SELECT email_key FROM contact WHERE id = subject)
WHERE kind = 'desk' AND subject IN (SELECT id FROM contact);
