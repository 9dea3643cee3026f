// Package inventory keeps what the store knows of one fabric fresh: which parts
// there are, where each is, and how it does.
//
// It looks at the whole fabric again and again: at the start, when the time has
// come, when somebody nudges it, and when the fabric says that something
// changed. Each look becomes one observation, written in one transaction.
//
//	look ─► picture ─► Match ─► parts that are new, moved, replaced, changed, gone, back
//	                     └────► Releases: claims whose device is shown free
//
// [Match] and [Releases] are pure functions of what is known and what was seen.
// [Next] decides when to look and what to write, and starts nothing, so that a
// simulator can call it in any order; [Inventory] is the loop around it. The
// files: match.go parts, release.go claims, next.go when, loop.go acting.
package inventory
