-- An issue's deliveries are found by their source, which is the issue: the unique index begins with it. Every result that is
-- recorded writes an entry into each index that is not partial (PostgreSQL), and this one told nothing more.
DROP INDEX delivery_issue;
