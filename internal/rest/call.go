package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/auth"
)

// call is what is known of one request while it is answered.
type call struct {
	id  string      // as answers and the log show it
	who composa.Who // who asks; zero on the open routes
	// token is what they show.
	token string
	// project is that of the path; nil where the path has none.
	project *composa.Project
	body    []byte // as it was sent, and sound
	cause   error  // why it failed, for the log

	header   http.Header          // of the answer
	kept     *composa.KeptRequest // the earlier request of the same key; nil: there was none
	accepted bool                 // the request was taken
	leave    func()               // lets in who waits with the same key
}

type callKey struct{}

// callOf returns the call that a context belongs to.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{header: http.Header{}, leave: func() {}}
}

// number gives a request its id, adds the headers that every answer has, turns
// a panic into an answer, and logs how it went.
func (s *Server) number(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{id: requestID(r.Header.Get("X-Request-Id"))}
		rec := &recorder{ResponseWriter: w}
		began := time.Now()
		h := w.Header()
		c.header, c.leave = h, func() {}
		h.Set("X-Request-Id", c.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		defer func() {
			if v := recover(); v != nil {
				s.panicked(rec, r, c, v)
			}
			s.logged(r, c, rec.status, time.Since(began))
			if r.ContentLength != 0 { // what is left of a body is read away, and not for ever
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(slowest)) // a writer without deadlines is a test's
			}
		}()
		if s.closing.Err() != nil {
			s.answer(rec, r, stopping())
			return
		}
		next.ServeHTTP(rec, r)
	})
}

// panicked answers a request whose handler panicked, where that is still
// possible, and breaks the connection off where it is not.
func (s *Server) panicked(w *recorder, r *http.Request, c *call, v any) {
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	s.Log.Error("panic", "request", c.id, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	s.answer(w, r, fmt.Errorf("panic: %v", v))
}

func (s *Server) logged(r *http.Request, c *call, status int, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case r.Context().Err() != nil: // nobody is there to read the answer
		level = slog.LevelDebug
	case status >= 500 && c.cause != nil && composa.CodeOf(c.cause) == composa.CodeInternal:
		level = slog.LevelError
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		level = slog.LevelDebug
	}
	if !s.Log.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request", c.id), slog.String("method", r.Method), slog.String("path", masked(shownPath(r))),
		slog.Int("status", status), slog.String("principal", string(c.who.Principal.ID)), slog.Duration("took", took),
	}
	if c.cause != nil {
		attrs = append(attrs, slog.String("error", masked(c.cause.Error())))
		if inner := errors.Unwrap(c.cause); inner != nil {
			attrs = append(attrs, slog.String("cause", masked(inner.Error())))
		}
	}
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// requestID takes the caller's id where it is a sane one, else makes one.
func requestID(given string) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}
	if given != "" && len(given) <= 64 && !strings.ContainsFunc(given, odd) {
		return given
	}
	return composa.NewID("req")
}

// answer writes an error as a problem outside of huma.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, err error) {
	c := callOf(r.Context())
	c.cause = err
	problemOf(unlessGone(r.Context(), err), c.id).write(w)
}

// find answers what no route serves: no such path, or not with that method.
func (s *Server) find(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := composa.Abridge(masked(shownPath(r)), 80)
		if err := checkSize(r); err != nil {
			s.answer(w, r, err)
			return
		}
		handler, pattern := mux.Handler(r)
		if pattern != "" && r.URL.Path == path.Clean(r.URL.Path) {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &recorder{ResponseWriter: &nowhere{header: http.Header{}}}
		if pattern == "" {
			handler.ServeHTTP(probe, r)
		}
		if allow := probe.Header().Get("Allow"); probe.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", allow)
			p := problemOf(composa.Errorf(composa.CodeInvalid, "cannot %s %s: it takes %s", r.Method, shown, allow), callOf(r.Context()).id)
			p.Status, p.Title = http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed)
			p.write(w)
			return
		}
		s.answer(w, r, composa.Errorf(composa.CodeNotFound, "cannot find %s: there is no such path", shown).
			WithNext("the API is under /v1; /docs describes it"))
	})
}

// checkSize refuses a request whose address or headers are too long.
func checkSize(r *http.Request) error {
	switch {
	case len(r.URL.EscapedPath()) > MaxPath:
		return composa.Errorf(composa.CodeTooLarge, "cannot read the request: its path is longer than %d bytes", MaxPath)
	case len(r.URL.RawQuery) > MaxQuery:
		return composa.Errorf(composa.CodeTooLarge, "cannot read the request: its query is longer than %d bytes", MaxQuery)
	case headerSize(r) > MaxHeader:
		return composa.Errorf(composa.CodeTooLarge, "cannot read the request: its headers are longer than %d bytes", MaxHeader)
	}
	return nil
}

// headerSize is how many bytes the headers take as they are sent.
func headerSize(r *http.Request) int {
	size := len("Host: \r\n") + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(": \r\n") + len(v)
		}
	}
	return size
}

// admit finds out who asks and whether they may.
func (s *Server) admit(verb auth.Verb) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if err := s.identify(r, verb); err != nil {
			s.answer(w, r, err)
			return
		}
		next(ctx)
	}
}

// identify fills in who asks, and the project of the path.
func (s *Server) identify(r *http.Request, verb auth.Verb) error {
	ctx, c := r.Context(), callOf(r.Context())
	token, ok := auth.Bearer(r.Header.Get("Authorization"))
	if !ok {
		return composa.Errorf(composa.CodeUnauthenticated, "cannot %s %s: there is no token", r.Method, composa.Abridge(masked(shownPath(r)), 80)).
			WithNext("send it as: Authorization: Bearer TOKEN")
	}
	who, err := s.owner(ctx, token)
	if err != nil {
		return err
	}
	who.Request = c.id
	c.who, c.token = who, token
	if err := s.budgets.call(s.Clock(), who, r.Method != http.MethodGet && r.Method != http.MethodHead); err != nil {
		return err
	}
	var project composa.ProjectID
	if name := r.PathValue("project"); name != "" {
		if c.project, err = s.project(ctx, name); err != nil {
			return err
		}
		project = c.project.ID
	}
	return auth.Allow(who, verb, project, masked(shownPath(r)))
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(code int) {
	w.begin(code)
	w.ResponseWriter.WriteHeader(code)
}

func (w *recorder) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

// begin notes the status, and gives the caller a time in which to take the
// answer; event streams move it on.
func (w *recorder) begin(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(slowestAnswer)) // a writer without deadlines is a test's
}

// Unwrap lets an http.ResponseController through.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// nowhere takes an answer that nobody reads.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (w *nowhere) WriteHeader(int)             {}
