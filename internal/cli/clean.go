package cli

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// What a fabric or another person wrote is shown, never obeyed: a name may hold
// what moves the cursor, recolours, hides or turns the text around. Everything
// that is printed passes [app.write] or [app.tell], which show such characters
// as "?"; a text that goes into one line of its own passes [clean] before. What
// is for programs keeps them, escaped.

// odd says whether a character does something else than being seen: control
// characters, those that only format (of direction, width or joining), and line
// ends that are none on a terminal.
func odd(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// clean makes one line of a text, with nothing odd in it.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case odd(r), r == utf8.RuneError:
			return '?'
		}
		return r
	}, s)
}

// guarded lets lines and our own colours pass, and nothing else that is odd.
func guarded(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return odd(r) && r != '\n' }) {
		return text
	}
	var b strings.Builder
	for text != "" {
		if c := colorAt(text); c != "" {
			b.WriteString(c)
			text = text[len(c):]
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		if odd(r) && r != '\n' || r == utf8.RuneError && n == 1 {
			b.WriteByte('?')
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

// colorAt is the colour of ours that a text begins with; empty: none.
func colorAt(text string) string {
	for _, c := range []string{red, green, yellow, reset} {
		if strings.HasPrefix(text, c) {
			return c
		}
	}
	return ""
}

// escaped writes what is odd in JSON as \u…, which means the same. Outside of
// its strings JSON holds nothing odd but line ends.
func escaped(data []byte) []byte {
	if !bytes.ContainsFunc(data, func(r rune) bool { return odd(r) && r != '\n' }) {
		return data
	}
	var b bytes.Buffer
	for _, r := range string(data) {
		switch {
		case r == '\n' || !odd(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, "\\u%04x\\u%04x", high, low)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.Bytes()
}
