package rest

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// SinceInput is what a list takes whose reader may have it already.
type SinceInput struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1024" doc:"ETag of the answer that the caller has; where it still holds the answer is 304 without a body"`
}

// has says whether the caller has what a tag names.
func (in SinceInput) has(tag string) bool {
	for part := range strings.SplitSeq(in.IfNoneMatch, ",") {
		if part = strings.TrimSpace(part); part == tag || part == "*" {
			return true
		}
	}
	return false
}

// listing is a page of encoded items: parts of them, each with commas inside.
type listing struct {
	parts [][]byte
	next  string
}

// joined is the most bytes of a page that are put together before they are
// written; a larger one goes out part by part.
const joined = 128 << 10

// buffers are for pages that are put together.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// list answers with a page. Its tag is weak, because asOf differs each time.
func (s *Server) list(sh *shown, in SinceInput, l *listing) *huma.StreamResponse {
	now := s.Clock().UTC()
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		if sh.version != 0 {
			tag := `W/"` + sh.tag + `"`
			hc.SetHeader("ETag", tag)
			if in.has(tag) {
				hc.SetStatus(http.StatusNotModified)
				return
			}
		}
		tail := l.tail(now)
		size := len(head) + max(len(l.parts)-1, 0) + len(tail)
		for _, part := range l.parts {
			size += len(part)
		}
		hc.SetHeader("Content-Type", jsonType)
		hc.SetHeader("Content-Length", strconv.Itoa(size))
		w := hc.BodyWriter() // nobody is left to tell when the caller went away
		if size > joined && len(l.parts) == 1 {
			_, _ = w.Write([]byte(head))
			_, _ = w.Write(l.parts[0])
			_, _ = w.Write(tail)
			return
		}
		b := buffers.Get().(*[]byte)
		*b = append((*b)[:0], head...)
		for i, part := range l.parts {
			if i > 0 {
				*b = append(*b, ',')
			}
			*b = append(*b, part...)
		}
		*b = append(*b, tail...)
		_, _ = w.Write(*b)
		buffers.Put(b)
	}}
}

// head begins a page.
const head = `{"items":[`

// tail ends a page: the cursor of the next one, and when it was read.
func (l *listing) tail(now time.Time) []byte {
	b := make([]byte, 0, 128)
	b = append(b, ']')
	if l.next != "" { // of letters and digits only, so that nothing needs escaping
		b = append(b, `,"next":"`...)
		b = append(b, l.next...)
		b = append(b, '"')
	}
	b = append(b, `,"asOf":"`...)
	b = now.AppendFormat(b, time.RFC3339Nano)
	return append(b, "\"}\n"...)
}

// item answers with one encoded thing.
func item(tag string, text []byte) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("ETag", tag)
		hc.SetHeader("Content-Type", jsonType)
		hc.SetHeader("Content-Length", strconv.Itoa(len(text)))
		_, _ = hc.BodyWriter().Write(text) // nobody is left to tell when the caller went away
	}}
}
