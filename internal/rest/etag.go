package rest

import (
	"strconv"
	"strings"

	"github.com/composa-dev/composa"
)

// MatchInput is what a call takes that changes something people edit.
type MatchInput struct {
	IfMatch string `header:"If-Match" maxLength:"64" example:"\"3\"" doc:"ETag that the change was decided on; none or *: whatever it is now"`
}

// revision is the one that the caller wants to change; 0: any.
func (in MatchInput) revision() (int64, error) {
	text := strings.TrimSpace(in.IfMatch)
	if text == "" || text == "*" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.Trim(text, `"`), 10, 64)
	if err != nil || n < 1 {
		return 0, at("header.If-Match", "%q is not an ETag of ours; give one, for example \"3\"", composa.Abridge(text, 40))
	}
	return n, nil
}

// machine is the revision that the caller wants a machine to have; with * any,
// and the machine must exist.
func (in MatchInput) machine() (int64, error) {
	if strings.TrimSpace(in.IfMatch) == "*" {
		return composa.AnyRevision, nil
	}
	return in.revision()
}

// etag writes a revision as an entity tag.
func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }
