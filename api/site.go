package api

import (
	"encoding/json"
	"time"
)

// Site is what a server says of itself and of who asks.
type Site struct {
	Version     string         `json:"version"`
	Site        string         `json:"site"`
	Incarnation string         `json:"incarnation"`
	Principal   string         `json:"principal"`
	Role        string         `json:"role" enum:"admin,member" doc:"Of who asks: admin administers the site"`
	Token       *SignedIn      `json:"token,omitempty" doc:"The token that who asks shows"`
	Projects    []string       `json:"projects"`
	Emulated    bool           `json:"emulated,omitempty" doc:"Some fabric is pretend hardware"`
	Limits      map[string]int `json:"limits" doc:"Every limit by name"`
	Features    []string       `json:"features" doc:"Names that only grow"`
	Now         time.Time      `json:"now"`
}

// SignedIn is the token with which somebody signed in.
type SignedIn struct {
	ID        string     `json:"id" example:"tok_k3v9q2xwabcdefgh"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty" doc:"When it ends; absent: not by itself"`
}

// Project owns machines and pools.
type Project struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Projects is a page of projects.
type Projects struct {
	Items []Project `json:"items"`
	Page
}

// Event is one fact.
type Event struct {
	// ID resumes after this event; opaque.
	ID        string          `json:"id"`
	At        time.Time       `json:"at"`
	Type      string          `json:"type" example:"machine.ready"`
	Project   string          `json:"project,omitempty"`
	Subject   string          `json:"subject"`
	Revision  int64           `json:"revision,omitempty"`
	Principal string          `json:"principal"`
	Cause     string          `json:"cause,omitempty"`
	Body      json.RawMessage `json:"body,omitempty"`
}

// Events is a page of events, in order.
type Events struct {
	Items []Event `json:"items"`
	Page
}
