-- What led to an event that is no mail of ours: a partner's feed, own mailer, embedded form, network. Empty for none.
ALTER TABLE engagement_event ADD COLUMN channel TEXT NOT NULL DEFAULT '';
CREATE INDEX engagement_channel ON engagement_event (partner_slug, channel, at_ms) WHERE channel <> '';
