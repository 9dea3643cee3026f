// Package api is the shapes that cross the wire under /v1, and the checked-in
// description of them, openapi.yaml.
//
// They are apart from the vocabulary in the root package on purpose: that one
// is free to change, these only grow (docs/compatibility.md). Every moment is
// RFC 3339 in UTC and absent where there is none; sizes are bytes, speeds bits
// per second, durations seconds. Lists that are empty are [], never null.
package api
