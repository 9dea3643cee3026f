-- The newest plans of a principal are found by their time.

-- +goose Up
CREATE INDEX plan_newest ON plan (principal, created_at) WHERE operation = '';
