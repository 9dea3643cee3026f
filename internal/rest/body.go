package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/composa-dev/composa"
)

// sound reads the body of a request, refuses what is not one sound JSON value,
// and puts it back for huma, which checks it against the schema.
func (s *Server) sound(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	if r.ContentLength == 0 && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		next(ctx)
		return
	}
	body, err := readBody(w, r)
	if err == nil {
		err = checkBody(body, ctx.Operation().RequestBody != nil)
	}
	if err != nil {
		s.answer(w, r, err)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	callOf(r.Context()).body = body
	r.Header.Set("Content-Type", "application/json")
	next(ctx)
}

// readBody reads at most [MaxBody] bytes, within a time.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := checkType(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	if how := r.Header.Get("Content-Encoding"); how != "" && !strings.EqualFold(how, "identity") {
		return nil, at("header.Content-Encoding", "%q is not read; send the body as it is", composa.Abridge(how, 40))
	}
	ctl := http.NewResponseController(w)
	_ = ctl.SetReadDeadline(time.Now().Add(slowest)) // a writer without deadlines is a test's
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	_ = ctl.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, composa.Errorf(composa.CodeTooLarge, "cannot read the request: its body is larger than %d bytes", MaxBody)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, composa.Errorf(composa.CodeTimeout, "cannot read the request: its body did not arrive in %v", slowest)
	case err != nil:
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read the request: its body broke off").WithNext("send it again")
	}
	return body, nil
}

// checkType lets pass what says that it is JSON, or nothing.
func checkType(header string) error {
	if header == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(header)
	if err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) {
		if cs := params["charset"]; cs == "" || strings.EqualFold(cs, "utf-8") {
			return nil
		}
	}
	return at("header.Content-Type", "%q is not JSON in UTF-8; send application/json", composa.Abridge(header, 60))
}

// checkBody refuses a body that is not one JSON value in UTF-8, that is nested
// too deep, or in which a field stands twice. wanted says whether the route
// takes a body at all.
func checkBody(body []byte, wanted bool) error {
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		return nil
	}
	if !utf8.Valid(text) {
		return at("body", "it is not UTF-8")
	}
	c := checker{dec: json.NewDecoder(bytes.NewReader(body)), body: body}
	c.dec.UseNumber()
	if err := c.value("body", 1); err != nil {
		return err
	}
	if _, err := c.dec.Token(); !errors.Is(err, io.EOF) {
		return at("body", "something follows the JSON value at %s", c.where(c.dec.InputOffset()))
	}
	if !wanted && string(text) != "{}" {
		return at("body", "this call takes no body")
	}
	return nil
}

// checker walks through one JSON value.
type checker struct {
	dec    *json.Decoder
	body   []byte
	values int // so far
}

// value checks the next value; depth is that of a list or object that begins
// here.
func (c *checker) value(location string, depth int) error {
	tok, err := c.token()
	if err != nil {
		return err
	}
	if c.values++; c.values > MaxValues {
		return at("body", "it holds more than %d values", MaxValues)
	}
	if n, ok := tok.(json.Number); ok {
		return checkNumber(location, n)
	}
	delim, ok := tok.(json.Delim)
	switch {
	case !ok:
		return nil
	case depth > MaxDepth:
		return at(location, "the JSON is nested more than %d deep", MaxDepth)
	case delim == '{':
		return c.object(location, depth)
	}
	return c.list(location, depth)
}

// checkNumber refuses what no field can hold.
func checkNumber(location string, n json.Number) error {
	if _, err := n.Int64(); err == nil {
		return nil
	}
	if f, err := n.Float64(); err == nil && math.Abs(f) < math.MaxInt64 {
		return nil
	}
	return at(location, "%s is too large a number", composa.Abridge(n.String(), 24))
}

func (c *checker) object(location string, depth int) error {
	seen := map[string]bool{}
	for c.dec.More() {
		tok, err := c.token()
		if err != nil {
			return err
		}
		key, ok := tok.(string)
		if !ok {
			return at(location, "a field's name is not a string at %s", c.where(c.dec.InputOffset()))
		}
		here := location + "." + composa.Abridge(key, 60)
		if seen[key] {
			return at(here, "the field stands twice")
		}
		if seen[key] = true; len(seen) > MaxItems {
			return at(location, "it has more than %d fields", MaxItems)
		}
		if err := c.value(here, depth+1); err != nil {
			return err
		}
	}
	_, err := c.token() // its end
	return err
}

func (c *checker) list(location string, depth int) error {
	for i := 0; c.dec.More(); i++ {
		if i == MaxItems {
			return at(location, "it has more than %d items", MaxItems)
		}
		if err := c.value(fmt.Sprintf("%s[%d]", location, i), depth+1); err != nil {
			return err
		}
	}
	_, err := c.token() // its end
	return err
}

// token reads one token, and tells in our words why it cannot.
func (c *checker) token() (json.Token, error) {
	tok, err := c.dec.Token()
	if err == nil {
		return tok, nil
	}
	var se *json.SyntaxError
	if errors.As(err, &se) && !strings.Contains(se.Error(), "unexpected end") {
		return nil, at("body", "it is not JSON at %s: %s", c.where(se.Offset), se)
	}
	return nil, at("body", "it is not JSON: it ends too early")
}

// where tells a place in the body as people count, from 1.
func (c *checker) where(offset int64) string {
	before := c.body[:min(int(offset), len(c.body))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return fmt.Sprintf("line %d, column %d", line, max(column, 1))
}
