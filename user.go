package composa

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role is what a member of a project may do.
type Role string

// The roles there are. Both may do everything with the machines, devices and
// pools of their projects. An admin of the project default is an administrator
// of the site, who besides makes users and looks after everybody's tokens.
const (
	RoleAdmin  Role = "admin"
	RoleMember Role = "member"
)

// User is a person who may sign in.
type User struct {
	Principal
	// Role is that on the site: admin for its administrators, else member.
	Role Role
	// Projects are those that the user is a member of, in natural order of name.
	Projects  []ProjectID
	CreatedAt time.Time
	CreatedBy PrincipalID
}

// TokenID names one token ("tok_…"). It is no secret and lets nobody in.
type TokenID string

// Token lets whoever shows its text act as its owner. The text is nowhere here:
// it is shown once, when the token is made, and the store keeps its hash only.
type Token struct {
	ID        TokenID     `json:"id"`
	Owner     PrincipalID `json:"owner"`
	Note      string      `json:"note,omitempty"` // what it is for
	CreatedAt time.Time   `json:"createdAt"`
	CreatedBy PrincipalID `json:"createdBy"`
	ExpiresAt time.Time   `json:"expiresAt,omitzero"` // zero: it does not end by itself
}

// TokenDeleted is the type of the event that tells of a removed token.
const TokenDeleted EventType = "token.deleted"

// Limits of users and tokens.
const (
	// MaxUsers is how many users a site has.
	MaxUsers = 10_000
	// MaxTokensEach is how many tokens of one user let somebody in at a time.
	MaxTokensEach = 100
	// MaxTokenLife is the longest time after which a token may end that ends at
	// all.
	MaxTokenLife = 365 * 24 * time.Hour
	// MaxNote is the longest note of a token, in bytes.
	MaxNote = 200
	// TokenMemory is how long an ended token is remembered, so that who still
	// shows it is told that it ended, and when.
	TokenMemory = 30 * 24 * time.Hour
)

// CheckNote refuses a note that is too long or holds control characters, or such
// that are not seen and turn the text around.
func CheckNote(note string) error {
	switch {
	case len(note) > MaxNote:
		return Errorf(CodeInvalid, "cannot note %q: it has %d characters, %d are allowed", Abridge(note, 24), len(note), MaxNote)
	case strings.ContainsFunc(note, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }) || !utf8.ValidString(note):
		return Errorf(CodeInvalid, "cannot note %q: it holds control characters", Abridge(note, 24))
	}
	return nil
}

// CheckTokenLife refuses a time until a token ends that is not longer than
// none, or longer than [MaxTokenLife]; zero, which is for ever, is well.
func CheckTokenLife(d time.Duration) error {
	if d < 0 || d > MaxTokenLife {
		return Errorf(CodeInvalid, "cannot let a token end after %v: at most %d days are allowed", d, MaxTokenLife/(24*time.Hour)).
			WithNext("give less, or nothing for a token that ends when it is removed")
	}
	return nil
}
