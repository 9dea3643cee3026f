package auth_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/auth"
)

func TestAllow(t *testing.T) {
	user := composa.Who{Principal: composa.Principal{ID: "user_a", Kind: composa.PrincipalUser, Name: "ada"}}
	admin := composa.Who{Principal: user.Principal, Admin: true}
	fabric := composa.Who{Principal: composa.Principal{ID: "fabric_rack1", Kind: composa.PrincipalFabric, Name: "rack1"}, Admin: true}
	for _, tt := range []struct {
		name string
		who  composa.Who
		verb auth.Verb
		want composa.Code
	}{
		{"a user composes", user, auth.MachineCompose, ""},
		{"the system composes", composa.System(), auth.MachineCompose, ""},
		{"nobody composes", composa.Who{Admin: true}, auth.MachineCompose, composa.CodeUnauthenticated},
		{"a fabric composes", fabric, auth.MachineCompose, composa.CodeNotAllowed},
		{"a fabric reads", fabric, auth.SiteRead, composa.CodeNotAllowed},
		{"a kind that nobody knows", composa.Who{Principal: composa.Principal{ID: "x", Kind: "robot"}}, auth.SiteRead, composa.CodeNotAllowed},
		{"a verb that nobody knows", admin, "machine.explode", composa.CodeNotAllowed},
		{"no verb", admin, "", composa.CodeNotAllowed},
		{"a user reads users", user, auth.UserRead, ""},
		{"a user makes a token", user, auth.TokenCreate, ""},
		{"a user removes a token", user, auth.TokenDelete, ""},
		{"a user makes a user", user, auth.UserCreate, composa.CodeNotAllowed},
		{"a user meddles with another's token", user, auth.TokenOfOthers, composa.CodeNotAllowed},
		{"an administrator makes a user", admin, auth.UserCreate, ""},
		{"an administrator makes another's token", admin, auth.TokenOfOthers, ""},
		{"the system makes a user", composa.System(), auth.UserCreate, ""},
		{"a fabric makes a user", fabric, auth.UserCreate, composa.CodeNotAllowed},
		{"the system and a verb that nobody knows", composa.System(), "x", composa.CodeNotAllowed},
	} {
		if got := composa.CodeOf(auth.Allow(tt.who, tt.verb, "proj_a", "train")); got != tt.want {
			t.Errorf("%s: code %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestVerbsAreDistinct(t *testing.T) {
	seen := map[auth.Verb]bool{}
	for _, v := range auth.Verbs() {
		if seen[v] {
			t.Errorf("%s is listed twice", v)
		}
		seen[v] = true
		if noun, action, ok := strings.Cut(string(v), "."); !ok || noun == "" || action == "" {
			t.Errorf("%q is not NOUN.ACTION", v)
		}
	}
}

func TestNewToken(t *testing.T) {
	a, hash := auth.NewToken()
	b, _ := auth.NewToken()
	if a == b {
		t.Fatal("two tokens are equal")
	}
	if !strings.HasPrefix(a, auth.TokenPrefix) || len(a) != len(auth.TokenPrefix)+32 {
		t.Errorf("token %q is not the prefix and 32 characters", a)
	}
	if !bytes.Equal(hash, auth.Hash(a)) || len(hash) != 32 {
		t.Errorf("hash is not the SHA-256 of the token")
	}
	if err := auth.CheckToken(a); err != nil {
		t.Errorf("our own token is refused: %v", err)
	}
	if got, ok := auth.Bearer("Bearer " + a); !ok || got != a {
		t.Errorf("our own token does not survive a header: %q, %v", got, ok)
	}
}

func TestCheckToken(t *testing.T) {
	for _, bad := range []string{"", "short", strings.Repeat("a", 19), strings.Repeat("a", 257), "has a space in it ok", "line\nbreak-line-break", "ünïcode-is-not-a-token"} {
		if composa.CodeOf(auth.CheckToken(bad)) != composa.CodeInvalid {
			t.Errorf("%q is taken as a token", bad)
		}
	}
}

func TestBearer(t *testing.T) {
	for _, tt := range []struct {
		header, want string
		ok           bool
	}{
		{"Bearer abc", "abc", true},
		{"bearer  abc ", "abc", true},
		{"", "", false},
		{"abc", "", false},
		{"Bearer", "", false},
		{"Bearer ", "", false},
		{"Basic YWJj", "", false},
		{"Bearer a b", "", false},
		{"Bearer " + strings.Repeat("a", 300), "", false},
	} {
		if got, ok := auth.Bearer(tt.header); got != tt.want || ok != tt.ok {
			t.Errorf("Bearer(%q) = %q, %v, want %q, %v", tt.header, got, ok, tt.want, tt.ok)
		}
	}
}
