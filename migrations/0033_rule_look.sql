-- By which version of a rule everything that is kept was looked at last.
CREATE TABLE rule_look (
    rule    TEXT PRIMARY KEY,
    version TEXT NOT NULL
);
