package api

import (
	"strings"
	"time"
)

// User is a person who may sign in.
type User struct {
	ID        string    `json:"id" example:"user_k3v9q2xwabcdefgh"`
	Name      string    `json:"name" example:"ada"`
	Role      string    `json:"role" enum:"admin,member" doc:"admin administers the site: makes users, and looks after everybody's tokens"`
	Projects  []string  `json:"projects" doc:"Names of the projects that the user is a member of"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
}

// NewUser makes a user.
type NewUser struct {
	Name    string `json:"name" example:"ada"`
	Project string `json:"project,omitempty" example:"default" doc:"That the user becomes a member of; default unless said"`
}

// Users is a page of users.
type Users struct {
	Items []User `json:"items"`
	Page
}

// Token lets whoever shows its text act as a user.
type Token struct {
	ID        string     `json:"id" example:"tok_k3v9q2xwabcdefgh" doc:"By which it is listed and removed; no secret"`
	User      string     `json:"user" example:"ada" doc:"As whom it lets act"`
	Note      string     `json:"note,omitempty" example:"notebooks" doc:"What it is for"`
	CreatedAt time.Time  `json:"createdAt"`
	CreatedBy string     `json:"createdBy"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty" doc:"When it ends; absent: not by itself"`
	Token     string     `json:"token,omitempty" doc:"Its text, a secret: in the answer that tells of its making, and never again"`
	Next      string     `json:"next,omitempty" doc:"What to do where the text was not received, in an answer that cannot show it again"`
}

// IsTokenID says whether a word can be the id of a token. A token's text cannot,
// so that it is neither sent nor written anywhere by mistake.
func IsTokenID(word string) bool {
	rest, is := strings.CutPrefix(word, "tok_")
	return is && rest != "" && len(word) <= 64 && !strings.ContainsFunc(rest, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// NewToken makes a token.
type NewToken struct {
	User    string `json:"user,omitempty" example:"ada" doc:"As whom it lets act; who asks unless said"`
	Note    string `json:"note,omitempty" example:"notebooks" doc:"What it is for"`
	Expires int64  `json:"expires,omitempty" minimum:"0" maximum:"31536000" example:"7776000" doc:"Seconds after which it ends; 0 or absent: not by itself"`
}

// Tokens is a page of tokens.
type Tokens struct {
	Items []Token `json:"items"`
	Page
}

// EventUser is the body of "user" events.
type EventUser struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}
