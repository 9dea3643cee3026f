package stomp

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Limits of a [Decoder] beside the size of the frame.
const (
	// DefaultMaxFrame is how large a frame may be unless a limit is given: 64 MiB.
	DefaultMaxFrame = 64 << 20
	maxHead         = 64 << 10 // bytes of command and headers
	maxHeaders      = 256
)

// ErrTooLarge is wrapped by the error for a frame beyond a limit.
var ErrTooLarge = errors.New("stomp: frame too large")

// Decoder takes frames out of a stream of bytes that may come in any pieces.
// After an error it is of no more use: the place where the next frame begins is
// lost.
type Decoder struct {
	// Version decides on escapes; set it once CONNECTED has told it. Empty is 1.0.
	Version Version
	// MaxFrame limits the bytes of one frame. Zero means [DefaultMaxFrame].
	MaxFrame int

	buf     []byte
	scanned int // bytes of buf known to hold no end of what is being read
	head    int // length of command and headers with the empty line, 0 until found
	length  int // content-length, -1 if none was given
	frame   Frame
	failed  error
}

// Write hands over bytes that have arrived. It never fails.
func (d *Decoder) Write(p []byte) (int, error) {
	d.buf = append(d.buf, p...)
	return len(p), nil
}

// Next returns the next whole frame, or nil when more bytes are needed. Line
// ends between frames are heart-beats and are skipped.
func (d *Decoder) Next() (*Frame, error) {
	if d.failed != nil {
		return nil, d.failed
	}
	f, err := d.next()
	d.failed = err
	return f, err
}

func (d *Decoder) next() (*Frame, error) {
	limit := d.MaxFrame
	if limit <= 0 {
		limit = DefaultMaxFrame
	}
	if d.head == 0 {
		skip := 0
		for skip < len(d.buf) && (d.buf[skip] == '\n' || d.buf[skip] == '\r') {
			skip++
		}
		d.drop(skip)
		head, gap := d.headEnd()
		if head < 0 {
			if len(d.buf) > min(maxHead, limit) {
				return nil, fmt.Errorf("%w: no end of the headers in %d bytes", ErrTooLarge, len(d.buf))
			}
			return nil, nil
		}
		if head > min(maxHead, limit) {
			return nil, fmt.Errorf("%w: %d bytes of headers", ErrTooLarge, head)
		}
		if err := d.parseHead(d.buf[:head]); err != nil {
			return nil, err
		}
		d.head = head + gap
		d.scanned = d.head
		if d.length > limit-d.head {
			return nil, fmt.Errorf("%w: content-length %d, at most %d bytes are taken", ErrTooLarge, d.length, limit)
		}
	}
	var end int
	if d.length >= 0 {
		if end = d.head + d.length; end >= len(d.buf) {
			return nil, nil
		}
		if d.buf[end] != 0 {
			return nil, fmt.Errorf("stomp: no NUL behind the %d bytes of the body", d.length)
		}
	} else {
		i := bytes.IndexByte(d.buf[d.scanned:], 0)
		if i < 0 {
			if d.scanned = len(d.buf); d.scanned > limit {
				return nil, fmt.Errorf("%w: no end in %d bytes", ErrTooLarge, d.scanned)
			}
			return nil, nil
		}
		end = d.scanned + i
	}
	if end > limit {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, end, limit)
	}
	f := d.frame
	f.Body = bytes.Clone(d.buf[d.head:end])
	d.drop(end + 1)
	d.head, d.frame = 0, Frame{}
	return &f, nil
}

// Buffered tells how many bytes of an unfinished frame are held. Line ends that
// were skipped do not count.
func (d *Decoder) Buffered() int { return len(d.buf) }

func (d *Decoder) drop(n int) {
	d.buf = d.buf[n:]
	d.scanned = max(0, d.scanned-n)
	if len(d.buf) == 0 {
		d.buf = nil
	}
}

// headEnd finds the empty line behind the headers: how long the head is without
// it, and the length of the line ends.
func (d *Decoder) headEnd() (head, gap int) {
	for i := max(0, d.scanned-3); i < len(d.buf); i++ {
		if d.buf[i] == 0 {
			return i, 0 // parseHead says what is wrong
		}
		if d.buf[i] != '\n' {
			continue
		}
		switch rest := d.buf[i+1:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i, 2
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i, 3
		}
	}
	d.scanned = len(d.buf)
	return -1, 0
}

func (d *Decoder) parseHead(head []byte) error {
	if i := len(head); i < len(d.buf) && d.buf[i] == 0 {
		return fmt.Errorf("stomp: a NUL inside the headers, behind %q", excerpt(head))
	}
	if !utf8.Valid(head) {
		return fmt.Errorf("stomp: headers are not UTF-8")
	}
	lines := bytes.Split(head, []byte("\n"))
	if len(lines) > maxHeaders+1 {
		return fmt.Errorf("%w: %d headers", ErrTooLarge, len(lines)-1)
	}
	for i, line := range lines {
		lines[i] = bytes.TrimSuffix(line, []byte("\r")) // 1.2 allows it
	}
	d.frame = Frame{Command: string(lines[0])}
	if !isCommand(lines[0]) {
		return fmt.Errorf("stomp: %q is not a command", excerpt(lines[0]))
	}
	for _, line := range lines[1:] {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 {
			return fmt.Errorf("stomp: %q is not a header", excerpt(line))
		}
		n, v := string(name), string(value)
		if escapes(d.frame.Command, d.Version) {
			var err error
			if n, err = unescape(n, d.Version); err == nil {
				v, err = unescape(v, d.Version)
			}
			if err != nil {
				return err
			}
		}
		d.frame.Header = append(d.frame.Header, [2]string{n, v})
	}
	d.length = -1
	if text, ok := d.frame.Header.Lookup("content-length"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return fmt.Errorf("stomp: content-length %q is not a length", excerpt([]byte(text)))
		}
		d.length = n
	}
	return nil
}

func isCommand(b []byte) bool {
	for _, c := range b {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(b) > 0
}

func excerpt(b []byte) []byte { return b[:min(len(b), 64)] }
