-- What came of a request with a key can be something else than an operation. A
-- plan is kept with what carrying it out needs.

-- +goose Up
ALTER TABLE request RENAME COLUMN operation TO result;
ALTER TABLE request ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
CREATE INDEX request_at ON request (at);
CREATE INDEX request_newest ON request (principal, at);

ALTER TABLE plan ADD COLUMN machine TEXT NOT NULL DEFAULT '';
ALTER TABLE plan ADD COLUMN request TEXT NOT NULL DEFAULT '';
ALTER TABLE plan ADD COLUMN operation TEXT NOT NULL DEFAULT '';
ALTER TABLE plan RENAME COLUMN base_revisions TO base;
