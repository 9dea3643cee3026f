package liqid

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	prefix      = "/liqid/api/v2/"
	contentType = "application/json;charset=UTF-8"
)

// request is one call on its way through a route.
type request struct {
	*http.Request
	d       *Director
	body    []byte
	by      client
	late    *time.Duration // a commit answers an error and happens so much later
	unheard bool           // nobody waits for the answer of a commit that takes its time
	show                   // what reads answer from
}

// route is one row of the API: what to answer to a method and a path.
type route struct {
	method, path string
	status       int // of success
	answer       func(*request) (any, error)
	target       func(*request) target // what an editing call is about; nil for others
	anywhere     bool                  // also while default coordinates point elsewhere
	eras         era                   // that have it; zero is all
}

// changing tells whether the route can change something.
func (rt *route) changing() bool { return rt.method != http.MethodGet }

// bare is an answer that stands outside the envelope (liqid-api.md 2.0).
type bare struct{ value any }

// written is an answer that writes itself: no JSON, or not in one piece.
type written interface{ write(http.ResponseWriter) }

// envelope is around every other answer, keys in the order of real ones.
type envelope struct {
	Response struct {
		Data   any            `json:"data"`
		Errors []errorMessage `json:"errors"`
		Code   int            `json:"code"`
	} `json:"response"`
}

type errorMessage struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Type    string `json:"type"`
}

// serve takes every request from arrival to answer: log, test hook, latency,
// faults, then the route.
func (d *Director) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", d.clock().UTC().Format(http.TimeFormat))
	began := time.Now()
	path := slashes(r.URL.Path)
	if path == eventPath || path == eventPathOld {
		d.serveEvents(w, r, path, began)
		return
	}
	name := strings.TrimPrefix(path, prefix)
	if name != path {
		name = strings.Trim(name, "/")
	}
	body, bodyErr := io.ReadAll(http.MaxBytesReader(nil, r.Body, d.config.MaxBody))
	rt, params := d.lookup(r, path)
	alive := d.alive()
	number, effects, err := d.arrive(r, name, rt, body)
	status := 0
	defer func() { d.journal.end(number, status, time.Since(began)) }()
	var how course
	for _, e := range effects {
		if err != nil {
			break
		}
		if e.Effect == EffectStealEdit && rt != nil && rt.target != nil {
			d.stealEdit(rt, &request{Request: params, d: d, body: body})
		}
		how.add(e)
		err = d.inflict(r, alive, e)
	}
	var by client
	if err == nil {
		by, err = d.signIn(r)
	}
	if err == nil {
		err = d.understood(r, path, rt, bodyErr)
	}
	var answer any
	if err == nil {
		req := &request{Request: params, d: d, body: body, by: by, show: d.view(how.stale && !rt.changing())}
		if err = req.allowed(rt); err == nil {
			answer, err = d.carryOut(req, rt, how)
		}
	}
	if how.dropAfter || alive.over() {
		err = errDropped
	}
	_, flows := answer.(written)
	if flows {
		status = rt.status // of an answer that may break off
	}
	if flows || len(how.spoils) == 0 {
		status = d.tell(w, r, number, name, effects, rt, answer, err)
		return
	}
	spoiled := &kept{header: http.Header{}}
	d.tell(spoiled, r, number, name, effects, rt, answer, err)
	status = spoiled.spoil(w, how.spoils)
}

// tell answers a call, and returns the status that it answered with.
func (d *Director) tell(w http.ResponseWriter, r *http.Request, number int, name string, effects []FaultRule, rt *route, answer any, err error) int {
	if err != nil {
		return d.fail(w, r, number, name, effects, err)
	}
	status := rt.status
	if a, later := answer.(accepted); later {
		status, answer = http.StatusAccepted, one(a)
	}
	reply(w, status, answer)
	return status
}

// understood refuses what cannot be taken for a call of the API.
func (d *Director) understood(r *http.Request, path string, rt *route, bodyErr error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(bodyErr, &tooLarge):
		return &refusal{http.StatusRequestEntityTooLarge, "", fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	case bodyErr != nil:
		return errDropped // the client left while it was speaking
	case rt == nil:
		return d.unknown(r, path)
	}
	return nil
}

// slashes collapses repeated slashes; clients send some (liqid-api.md 2.0).
func slashes(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// arrive logs a call, lets a test act before it and waits as long as calls
// take. It returns the call's number and the faults that hit it; a call that
// comes before its time, or while the director restarts, hits none.
func (d *Director) arrive(r *http.Request, name string, rt *route, body []byte) (int, []FaultRule, error) {
	alive := d.alive()
	err := alive.answers()
	if err == nil {
		err = d.limit()
	}
	c := Call{
		Time: d.clock(), Method: r.Method, Path: name, Query: r.URL.RawQuery,
		Changing: r.Method != http.MethodGet, Body: string(body),
	}
	if err == nil {
		c.Faults = d.faults.hit(r.Method, name)
	}
	if rt != nil {
		c.Route = rt.path
	}
	c = d.journal.begin(c)
	if d.config.Before != nil {
		d.config.Before(c)
	}
	if err == nil {
		err = d.pause(alive, d.pick(d.config.CallLatency))
	}
	return c.Number, c.Faults, err
}

// lookup finds the route of a request. The request it returns carries the
// values of the path.
func (d *Director) lookup(r *http.Request, path string) (*route, *http.Request) {
	clean := r.Clone(r.Context())
	clean.URL.Path, clean.URL.RawPath = strings.TrimSuffix(path, "/"), ""
	var found *route
	if _, pattern := d.router.Handler(clean); pattern != "" {
		// The mux fills in path values only while it serves; its handlers
		// do nothing but hand out their route.
		d.router.ServeHTTP(catch{&found}, clean)
	}
	return found, clean
}

// catch is a ResponseWriter through which a handler of the router hands out its route.
type catch struct{ route **route }

func (catch) Header() http.Header         { return http.Header{} }
func (catch) Write(p []byte) (int, error) { return len(p), nil }
func (catch) WriteHeader(int)             {}

// routes builds the table of the era's routes.
func (d *Director) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range routes(d.era) {
		mux.HandleFunc(rt.method+" "+prefix+rt.path, func(w http.ResponseWriter, _ *http.Request) {
			*w.(catch).route = rt
		})
	}
	return mux
}

// unknown is the refusal of a path or method that the era does not have.
func (d *Director) unknown(r *http.Request, path string) error {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method, other.URL.Path, other.URL.RawPath = method, strings.TrimSuffix(path, "/"), ""
		if _, pattern := d.router.Handler(other); pattern != "" {
			return &refusal{http.StatusMethodNotAllowed, "", fmt.Sprintf("%s takes no %s", path, r.Method)}
		}
	}
	return &refusal{http.StatusNotFound, "", fmt.Sprintf("there is no %s in API era %s", path, d.config.API)}
}

// allowed refuses changes while the default coordinates point elsewhere
// (liqid-api.md 3.9). Whoever did not point them there cannot know.
func (r *request) allowed(rt *route) error {
	if rt.changing() && !rt.anywhere && r.coordinates != directorAt {
		return taken(r.by != r.blame.pointed, RuleCoordinates, "default coordinates are %v, this director is %v", r.coordinates, directorAt)
	}
	return nil
}

// fail answers a refusal with its status and an envelope that says the same:
// some clients look at one, some at the other (liqid-api.md 2.0). It panics with
// http.ErrAbortHandler, which closes the connection, for a call that is dropped.
func (d *Director) fail(w http.ResponseWriter, r *http.Request, number int, name string, effects []FaultRule, err error) int {
	if errors.Is(err, errDropped) {
		panic(http.ErrAbortHandler)
	}
	var why *refusal
	if !errors.As(err, &why) {
		why = &refusal{http.StatusInternalServerError, "", err.Error()}
	}
	if why.rule != "" {
		d.journal.violation(Violation{Call: number, Time: d.clock(), Method: r.Method, Path: name, Rule: why.rule, Reason: why.text, Faults: effects})
	}
	var later *tooSoon
	if errors.As(err, &later) {
		w.Header().Set("Retry-After", strconv.Itoa(later.seconds))
	}
	if why.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	var e envelope
	e.Response.Data = []any{}
	e.Response.Code = why.status
	e.Response.Errors = []errorMessage{{why.status, why.text, strings.ReplaceAll(http.StatusText(why.status), " ", "")}}
	write(w, why.status, e)
	return why.status
}

// reply answers with success.
func reply(w http.ResponseWriter, status int, answer any) {
	if status == http.StatusNoContent {
		w.Header().Set("Server", serverHeader)
		w.WriteHeader(status)
		return
	}
	if own, ok := answer.(written); ok {
		own.write(w)
		return
	}
	if b, ok := answer.(bare); ok {
		write(w, status, b.value)
		return
	}
	var e envelope
	e.Response.Data = answer
	write(w, status, e)
}

// serverHeader marks every answer as emulated.
const serverHeader = "composa-emulator"

// write sends the whole answer in one piece with its length: one client gives
// up when header and body come apart (liqid-api.md C1).
func write(w http.ResponseWriter, status int, value any) {
	body, err := encode(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Server", serverHeader)
	w.WriteHeader(status)
	w.Write(body)
}

func encode(value any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), err
}
