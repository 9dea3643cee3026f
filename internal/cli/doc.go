// Package cli is the command line of Composa: what people type, and what it
// prints. It talks to a server through package client and knows nothing of how
// the server works.
//
// Start at [New], which makes the tree of commands, and [Main], which runs it
// and turns what came of it into an exit code (exit.go). Each command has a file
// of its own. Around them stand: which server a command talks to (server.go,
// contexts.go), how what was typed is read (want.go, place.go, check.go,
// duration.go), how results are printed (format.go, table.go), how a person is
// asked before something in use is disturbed (consent.go), and how an operation
// is followed to its end (follow.go, progress.go, live.go).
//
// Results go to standard output; everything else, progress, questions and
// errors, goes to standard error.
package cli
