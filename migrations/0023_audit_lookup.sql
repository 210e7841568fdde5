-- Who last did something to one thing: where an issue went that was returned to draft, when somebody was reminded.
CREATE INDEX audit_subject ON audit (subject, action, id);
