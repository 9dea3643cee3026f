package rest

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/auth"
)

// tokenText is what the text of a token that a server made looks like.
var tokenText = regexp.MustCompile(auth.TokenPrefix + `[a-z2-7]+`)

// masked is a text without the tokens in it: who wrote one where it does not
// belong finds it in no log and no answer.
func masked(text string) string {
	return tokenText.ReplaceAllLiteralString(text, auth.TokenPrefix+"…")
}

// shownPath is the path of a request as it may be shown: where the id of a token
// belongs nothing else is repeated, since a token from outside looks like any text.
func shownPath(r *http.Request) string {
	const tokens = "/v1/tokens/"
	if id, is := strings.CutPrefix(r.URL.Path, tokens); is && !api.IsTokenID(id) {
		return tokens + "…"
	}
	return r.URL.Path
}
