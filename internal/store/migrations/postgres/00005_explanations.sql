-- The account of a choice is kept with what was chosen.

-- +goose Up
ALTER TABLE operation ADD COLUMN explanation TEXT NOT NULL DEFAULT '';
ALTER TABLE plan ADD COLUMN explanation TEXT NOT NULL DEFAULT '';
