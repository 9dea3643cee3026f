// Package store keeps what must not be lost: fabrics and their parts, machines
// and what is wanted of them, claims, operations with their steps, pictures,
// and the events that tell of every change.
//
// It is SQLite in one file, or PostgreSQL; the SQL is the same text for both,
// only the tables are declared twice (migrations/). Each exported method is one
// transaction: it happens whole or not at all, and when it returned without an
// error it survives a crash. Every method takes a [composa.Who]; it shows and
// changes nothing outside the projects of who asks.
//
// Where to start reading:
//
//	store.go     Open, Close, Notify
//	tx.go        what a transaction is: one clock read, events last
//	group.go     transactions of SQLite that are committed together
//	pipeline.go  a transaction of PostgreSQL, in as few journeys as it can
//	memory.go    what need not be read again to decide, and how that is checked
//	event.go     dense numbers and the chain of hashes
//	site.go      Site, the one value that placement and planning read, kept
//	change.go    what a transaction wrote, and the number of the newest change
//	accept.go    a request becomes a machine, an operation and claims
//	advance.go   the progress of an operation, decided by the runner
//	record.go    what inventory saw
//
// Two rules hold everywhere. A transaction that relies on a row (a revision, an
// epoch, a sum) reads it with the engine's hold, or changes it first: on SQLite
// one transaction writes at a time, on PostgreSQL the row is locked; or it
// remembers the row and writes it only where it still is so. And a guard that
// does not hold is answered with code moved, with nothing written.
package store
