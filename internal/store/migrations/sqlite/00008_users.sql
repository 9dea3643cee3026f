-- A token has an id, by which it is listed and removed, and those of a user are
-- found by whose they are.

-- +goose Up
ALTER TABLE token ADD COLUMN id TEXT NOT NULL DEFAULT '';
UPDATE token SET id = 'tok_' || lower(hex(randomblob(8)));
CREATE UNIQUE INDEX token_id ON token (id);
CREATE INDEX token_principal ON token (principal);
