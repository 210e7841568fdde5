-- Invitations to connect an account by its own server's sign-in, with what became of each. What a link holds is sealed in it and stands
-- nowhere here.
CREATE TABLE social_invitation (
    id           TEXT PRIMARY KEY,
    partner_slug TEXT NOT NULL,
    server       TEXT NOT NULL,
    made_ms      BIGINT NOT NULL,
    made_by      TEXT NOT NULL,
    ends_ms      BIGINT NOT NULL,
    -- When it connected an account, or was withdrawn: never both.
    used_ms      BIGINT,
    withdrawn_ms BIGINT,
    CHECK (used_ms IS NULL OR withdrawn_ms IS NULL)
);
CREATE INDEX social_invitation_open ON social_invitation (partner_slug, ends_ms) WHERE used_ms IS NULL AND withdrawn_ms IS NULL;

-- When the partner's own people said that they shared a post by hand that was theirs to share: it is not sent any more.
ALTER TABLE social_post ADD COLUMN shared_ms BIGINT;
