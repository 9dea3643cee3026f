// Package rest serves Composa over HTTP: the routes under /v1, their
// description, and the page that shows it.
//
// Every route stands in one table (routes.go) with its method, its path, the
// verb that auth.Allow is asked about, and its handler. A request passes, in
// this order:
//
//	number, log, recover ─► find the route ─► who asks, may they ─► is the body
//	sound JSON (body.go) ─► does it fit the schema (huma) ─► handler ─► answer
//
// Handlers read the store, or hand a request to intake, and convert between the
// vocabulary of the root package and the shapes of package api (convert_*.go).
// They return a value or an error; problem.go turns any error into
// application/problem+json by one table of codes.
//
// Nothing here decides about machines: what a request may do, and what comes of
// it, is intake's to say.
package rest

//go:generate go run ./openapi ../../api/openapi.yaml
