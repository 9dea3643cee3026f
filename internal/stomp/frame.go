package stomp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Version of the protocol, as CONNECTED tells it.
type Version string

// The versions there are.
const (
	V10 Version = "1.0"
	V11 Version = "1.1"
	V12 Version = "1.2"
)

// Frame is one STOMP frame.
type Frame struct {
	Command string
	Header  Header
	Body    []byte
}

// Header is a frame's header lines in order. Where a name repeats, the first
// counts, as STOMP has it.
type Header [][2]string

// Get returns the first value of name, empty if there is none.
func (h Header) Get(name string) string {
	v, _ := h.Lookup(name)
	return v
}

// Lookup returns the first value of name and whether there is one.
func (h Header) Lookup(name string) (string, bool) {
	for _, line := range h {
		if line[0] == name {
			return line[1], true
		}
	}
	return "", false
}

// New makes a frame of a command and headers given as name, value, name, value.
// It panics when a value is missing.
func New(command string, header ...string) *Frame {
	if len(header)%2 != 0 {
		panic("stomp: a header without a value")
	}
	f := &Frame{Command: command}
	for i := 0; i < len(header); i += 2 {
		f.Header = append(f.Header, [2]string{header[i], header[i+1]})
	}
	return f
}

// escapes tells whether a version escapes the headers of a command: 1.0 never
// does, and CONNECT and CONNECTED never are.
func escapes(command string, v Version) bool {
	return v != V10 && v != "" && command != "CONNECT" && command != "CONNECTED"
}

// Encode writes the frame for peers of version v, with line feeds only, because
// some peers find no header end behind a carriage return (liqid-api.md 2.17).
// It fails when a header cannot be written in that version, or when the body
// holds a NUL and no content-length says how far it goes.
func (f *Frame) Encode(v Version) ([]byte, error) {
	if f.Command == "" || strings.ContainsAny(f.Command, "\r\n\x00:") {
		return nil, fmt.Errorf("stomp: %q is not a command", f.Command)
	}
	size := len(f.Command) + len(f.Body) + 4
	for _, line := range f.Header {
		size += len(line[0]) + len(line[1]) + 2
	}
	out := make([]byte, 0, size)
	out = append(append(out, f.Command...), '\n')
	for _, line := range f.Header {
		name, value := line[0], line[1]
		if name == "" {
			return nil, fmt.Errorf("stomp: a header of %s without a name", f.Command)
		}
		if escapes(f.Command, v) {
			if v == V11 && strings.Contains(name+value, "\r") {
				return nil, fmt.Errorf("stomp: header %q holds a carriage return, for which 1.1 has no escape", name)
			}
			name, value = escaper.Replace(name), escaper.Replace(value)
		} else if strings.ContainsAny(name, ":\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, fmt.Errorf("stomp: header %q cannot be written without escapes", name)
		}
		if strings.Contains(name+value, "\x00") {
			return nil, fmt.Errorf("stomp: header %q holds a NUL", name)
		}
		out = append(out, name...)
		out = append(out, ':')
		out = append(out, value...)
		out = append(out, '\n')
	}
	if length, ok := f.Header.Lookup("content-length"); ok {
		if n, err := strconv.Atoi(length); err != nil || n != len(f.Body) {
			return nil, fmt.Errorf("stomp: content-length %q beside a body of %d bytes", length, len(f.Body))
		}
	} else if bytes.IndexByte(f.Body, 0) >= 0 {
		return nil, fmt.Errorf("stomp: a body with a NUL needs a content-length")
	}
	out = append(out, '\n')
	out = append(out, f.Body...)
	return append(out, 0), nil
}

var escaper = strings.NewReplacer("\\", `\\`, "\r", `\r`, "\n", `\n`, ":", `\c`)

// unescape undoes the escapes of v; an unknown one is an error, as 1.1 and 1.2 demand.
func unescape(s string, v Version) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out.WriteByte(s[i])
			continue
		}
		i++
		var c byte
		if i < len(s) {
			c = s[i]
		}
		switch {
		case c == '\\':
			out.WriteByte('\\')
		case c == 'n':
			out.WriteByte('\n')
		case c == 'c':
			out.WriteByte(':')
		case c == 'r' && v == V12:
			out.WriteByte('\r')
		default:
			return "", fmt.Errorf("stomp: %q has an escape that %s does not know", s, v)
		}
	}
	return out.String(), nil
}
