package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/composa-dev/composa"
)

// TokenPrefix begins every token, so that one that leaked is recognised.
const TokenPrefix = "composa_"

const (
	tokenBytes = 20 // 160 bits: 32 letters and digits, no padding
	// MinToken and MaxToken bound a token that is given from outside.
	MinToken = 20
	MaxToken = 256
)

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewToken makes a token of 160 random bits and its hash. The text is shown to
// its owner and then forgotten.
func NewToken() (text string, hash []byte) {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails on supported systems
	text = TokenPrefix + tokenText.EncodeToString(b[:])
	return text, Hash(text)
}

// Hash is what is stored of a token, and what it is looked up by: SHA-256. A
// token has too many bits to be guessed, so a slow hash would protect nothing,
// and looking up by hash takes a time that tells nothing of the token.
func Hash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// CheckToken refuses a token that is given from outside where it is too short
// to be safe, too long, or would not survive an HTTP header.
func CheckToken(text string) error {
	const next = "give %d to %d letters, digits, hyphens, dots or underlines"
	switch {
	case len(text) < MinToken || len(text) > MaxToken:
		return composa.Errorf(composa.CodeInvalid, "cannot use the token: it has %d characters", len(text)).WithNext(next, MinToken, MaxToken)
	case strings.ContainsFunc(text, notOfToken):
		return composa.Errorf(composa.CodeInvalid, "cannot use the token: it holds characters that may not stand in one").WithNext(next, MinToken, MaxToken)
	}
	return nil
}

func notOfToken(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("-._~+/=", r)
}

// Bearer returns the token of an Authorization header: "Bearer TOKEN", the
// first word in any case.
func Bearer(header string) (token string, ok bool) {
	scheme, token, found := strings.Cut(strings.TrimSpace(header), " ")
	token = strings.TrimSpace(token)
	if !found || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > MaxToken || strings.ContainsFunc(token, notOfToken) {
		return "", false
	}
	return token, true
}
