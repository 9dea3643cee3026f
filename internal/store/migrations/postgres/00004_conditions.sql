-- A pool can hold what meets a condition.

-- +goose Up
ALTER TABLE pool ADD COLUMN condition TEXT NOT NULL DEFAULT '';
