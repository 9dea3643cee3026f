-- The number of the newest change of anything, with or without events: what is
-- kept in memory is known to be current by it.

-- +goose Up
ALTER TABLE event_head ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
