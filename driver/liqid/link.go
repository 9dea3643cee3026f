package liqid

// answerKind says how a director answered a committing call with success.
type answerKind string

const (
	answerNone answerKind = "" // not with success
	// answerDone: 200, after the work or before it; only a look tells.
	answerDone answerKind = "done"
	// answerFollowed: 202, and its link said that the work came to its end
	// (liqid-api.md 2.13).
	answerFollowed answerKind = "accepted"
	// answerAccepted: 202 without a link that could be followed. The work may
	// still go on; only a look tells.
	answerAccepted answerKind = "accepted, without a link to follow"
)
