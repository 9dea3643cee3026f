-- Pictures are compared entry by entry; nobody reads a digest of them.

-- +goose Up
ALTER TABLE observed DROP COLUMN digest;
