package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// status is how a code is answered: the HTTP status, and after how many seconds
// it is worth to ask again (0: not told). This is the only table.
var status = map[composa.Code]struct{ http, again int }{
	composa.CodeInvalid:         {http.StatusBadRequest, 0},
	composa.CodeTooLarge:        {http.StatusRequestEntityTooLarge, 0},
	composa.CodeUnauthenticated: {http.StatusUnauthorized, 0},
	composa.CodeNotAllowed:      {http.StatusForbidden, 0},
	composa.CodeNotFound:        {http.StatusNotFound, 0},
	composa.CodeExists:          {http.StatusConflict, 0},
	composa.CodeMoved:           {http.StatusConflict, 0},
	composa.CodeRefused:         {http.StatusConflict, 0},
	composa.CodeConflict:        {http.StatusConflict, 0},
	composa.CodeHeld:            {http.StatusConflict, 0},
	composa.CodeCancelled:       {http.StatusConflict, 0},
	composa.CodeFailed:          {http.StatusConflict, 0},
	composa.CodeUnsupported:     {http.StatusConflict, 0},
	composa.CodeReadOnly:        {http.StatusConflict, 0},
	composa.CodeUnknown:         {http.StatusConflict, 0},
	composa.CodeKeyReused:       {http.StatusUnprocessableEntity, 0},
	composa.CodeMismatch:        {http.StatusPreconditionFailed, 0},
	composa.CodeBusy:            {http.StatusServiceUnavailable, 1},
	composa.CodeUnreachable:     {http.StatusServiceUnavailable, 5},
	composa.CodeUnavailable:     {http.StatusServiceUnavailable, 1},
	composa.CodeTooMany:         {http.StatusTooManyRequests, 1},
	composa.CodeTimeout:         {http.StatusGatewayTimeout, 0},
	composa.CodeInternal:        {http.StatusInternalServerError, 0},
}

// problem is an error that is an answer. huma writes it.
type problem struct {
	api.Problem
	header http.Header
	cause  error // for the log
}

func (p *problem) Error() string             { return p.Detail }
func (p *problem) Unwrap() error             { return p.cause }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) GetHeaders() http.Header   { return p.header }
func (p *problem) ContentType(string) string { return "application/problem+json" }

// problemOf turns an error into an answer. What has no code is internal: the
// answer says nothing of it, the log everything.
func problemOf(err error, request string) *problem {
	var p *problem
	if errors.As(err, &p) {
		p.Request = request
		return p
	}
	var e *composa.Error
	if !errors.As(err, &e) {
		e = composa.Errorf(composa.CodeInternal, "cannot answer: something went wrong in the server").
			WithNext("look for request %s in the server's log", request)
	}
	known, ok := status[e.Code]
	if !ok {
		known = status[composa.CodeInternal]
	}
	p = &problem{
		Problem: api.Problem{
			Title: http.StatusText(known.http), Status: known.http, Detail: e.Text, Next: e.Next, Code: string(e.Code),
			Retryable: e.Code.Retryable(), Request: request, Operation: string(e.Operation), Refusal: explanationToAPI(e.Refusal),
		},
		header: http.Header{},
		cause:  err,
	}
	if known.again > 0 {
		p.header.Set("Retry-After", fmt.Sprint(known.again))
	}
	if e.Code == composa.CodeUnauthenticated {
		p.header.Set("WWW-Authenticate", "Bearer")
	}
	return p
}

// unlessGone is err, but where the call was given up before its answer: what
// went wrong then is that, and no fault of the server's.
func unlessGone(ctx context.Context, err error) error {
	if ctx.Err() == nil || composa.CodeOf(err) != composa.CodeInternal {
		return err
	}
	return composa.Errorf(composa.CodeUnavailable, "cannot answer: the call was given up before its answer").WithNext("ask again")
}

// at returns an invalid request with the place of what is wrong in it.
func at(location, format string, args ...any) *problem {
	return unread([]api.ProblemPlace{{Location: location, Message: fmt.Sprintf(format, args...)}})
}

// unread is a request that cannot be read, for one or more reasons.
func unread(places []api.ProblemPlace) *problem {
	text := "cannot read the request"
	if len(places) > 0 {
		text += ": " + places[0].Location + ": " + places[0].Message
	}
	if n := len(places) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	p := problemOf(composa.Errorf(composa.CodeInvalid, "%s", text), "")
	p.Errors = firstOf(places)
	return p
}

// maxPlaces is how many mistakes of one request are told one by one.
const maxPlaces = 20

// firstOf bounds what is told of a request: its first mistakes, and how many
// more there are.
func firstOf(places []api.ProblemPlace) []api.ProblemPlace {
	more := len(places) - maxPlaces
	if more <= 0 {
		return places
	}
	part, _, _ := strings.Cut(places[maxPlaces].Location, ".")
	return append(slices.Clip(places[:maxPlaces]), api.ProblemPlace{Location: part, Message: fmt.Sprintf("and %d more", more)})
}

// write answers with a problem outside of huma.
func (p *problem) write(w http.ResponseWriter) {
	for k, v := range p.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	p.encode(w)
}

func (p *problem) encode(w io.Writer) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p) // nobody is left to tell when the caller went away
}

// configure sets what huma keeps in package variables, once.
var configure = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(code int, msg string, errs ...error) huma.StatusError {
		return problemOfHuma("", code, msg, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, code int, msg string, errs ...error) huma.StatusError {
		return problemOfHuma(callOf(ctx.Context()).id, code, msg, errs)
	}
})

// problemOfHuma turns what huma found wrong with a request into our words.
func problemOfHuma(request string, code int, msg string, errs []error) *problem {
	var p *problem
	switch {
	case code == http.StatusRequestTimeout:
		p = problemOf(composa.Errorf(composa.CodeTimeout, "cannot read the request: its body did not arrive in time"), request)
	case code >= 400 && code < 500 && len(errs) > 0:
		places := make([]api.ProblemPlace, 0, len(errs))
		for _, err := range errs {
			places = append(places, placeOf(err))
		}
		slices.SortStableFunc(places, func(a, b api.ProblemPlace) int { return composa.NaturalCompare(a.Location, b.Location) })
		p = unread(places)
	case code >= 400 && code < 500:
		if msg == "request body is required" {
			msg = "it is missing"
		}
		p = unread([]api.ProblemPlace{{Location: "body", Message: msg}})
	default:
		p = problemOf(fmt.Errorf("%s: %w", msg, errors.Join(errs...)), request)
	}
	p.Request = request
	return p
}

// placeOf tells one thing that huma found wrong.
func placeOf(err error) api.ProblemPlace {
	var d *huma.ErrorDetail
	if !errors.As(err, &d) {
		return api.ProblemPlace{Location: "body", Message: err.Error()}
	}
	at := api.ProblemPlace{Location: d.Location, Message: d.Message}
	parent, last := "", d.Location
	if i := strings.LastIndexByte(d.Location, '.'); i >= 0 {
		parent, last = d.Location[:i], d.Location[i+1:]
	}
	value, plain := plainValue(d.Value)
	words, rest, _ := strings.Cut(d.Message, " <= ")
	switch {
	case d.Message == validation.MsgUnexpectedProperty:
		at.Message = fmt.Sprintf("there is no field %q in %s", last, parent)
	case d.Message == "unknown query parameter":
		at.Message = "there is no such parameter"
	case strings.HasPrefix(d.Message, "json: "):
		// The schema took it and Go did not: huma echoes Go's words and the body.
		at.Message = "a number in it is not the whole number that is wanted"
	case strings.HasPrefix(d.Message, "expected required property "):
		name := strings.TrimSuffix(strings.TrimPrefix(d.Message, "expected required property "), " to be present")
		at.Location, at.Message = d.Location+"."+name, "is missing"
	case !plain:
	case strings.HasPrefix(d.Message, "expected value to be one of "):
		list := strings.Trim(strings.TrimPrefix(d.Message, "expected value to be one of "), `"`)
		at.Message = fmt.Sprintf("%s is none of %s", value, list)
	case words == "expected length":
		at.Message = fmt.Sprintf("%s is longer than %s characters", value, rest)
	case words == "expected number": // huma writes large ones as 3.1e+07
		at.Message = fmt.Sprintf("expected number <= %s, not %s", plainNumber(rest), value)
	case d.Message == "invalid integer":
		at.Message = value + " is not a whole number"
	case d.Message == "invalid boolean":
		at.Message = value + " is neither true nor false"
	default:
		at.Message = fmt.Sprintf("%s, not %s", d.Message, value)
	}
	return at
}

// plainValue writes a value that is not a list or object, abridged.
func plainValue(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", composa.Abridge(v, 40)), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool, int, int64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// plainNumber writes a number without an exponent.
func plainNumber(text string) string {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return text
}
