package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// The types in which events are given.
const (
	jsonType   = "application/json"
	sseType    = "text/event-stream"
	ndjsonType = "application/x-ndjson"
)

// reset is the type of the event that stands where events are not to be had.
const reset = "reset"

type listEventsInput struct {
	After   string `query:"after" maxLength:"128" doc:"Only those after the event of this id; 0: from the first. It says where to begin: cursor and Last-Event-ID, which say where to go on, come before it"`
	Type    string `query:"type" maxLength:"128" example:"machine" doc:"Only those of this type, machine.ready, or family, machine"`
	Subject string `query:"subject" maxLength:"128" doc:"Only those about what has this id, or this fabric"`
	Follow  bool   `query:"follow" doc:"Go on as events happen; always so as text/event-stream"`
	LastID  string `header:"Last-Event-ID" maxLength:"128" doc:"As after, and before it; sent by browsers that reconnect"`
	Accept  string `header:"Accept" hidden:"true"`
	PageInput
}

// stance is where in the events a caller stands.
type stance struct {
	at          int64
	incarnation string
	lost        bool // the id was of another incarnation, or of nothing yet
	filter      composa.EventFilter
	names       names
	who         composa.Who
}

func (s *Server) listEvents(ctx context.Context, in *listEventsInput) (*huma.StreamResponse, error) {
	kind := eventKind(in.Accept)
	from, err := s.stance(ctx, in, kind)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == jsonType && in.Follow:
		return nil, at("query.follow", "a page does not go on; accept %s or %s", sseType, ndjsonType)
	case kind != jsonType && in.Limit != 0:
		return nil, at("query.limit", "a stream has no pages; accept %s for them", jsonType)
	case kind == jsonType:
		page, err := s.eventPage(ctx, from, in.limit())
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", jsonType)
			_ = json.NewEncoder(hc.BodyWriter()).Encode(page) // nobody is left to tell when the caller went away
		}}, nil
	}
	leave, err := s.streams.place(from.who, toFollow)
	if err != nil {
		return nil, err
	}
	// It stands before the headers go out, so that a status can say that it does not.
	held, done, err := s.holdSignedIn(ctx)
	if err != nil {
		leave()
		return nil, composa.Errorf(composa.CodeUnavailable, "cannot follow events: %w", err).WithNext("ask again in a few seconds")
	}
	follow := in.Follow || kind == sseType
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer leave()
		defer done()
		_, w := humago.Unwrap(hc)
		out := newStream(w, kind, eventID(from.incarnation, from.at))
		if err := s.stream(held, from, out, follow); err != nil && held.Err() == nil {
			callOf(ctx).cause = err
		}
	}}, nil
}

// eventKind is the first type of an Accept header that events come in.
func eventKind(accept string) string {
	for part := range strings.SplitSeq(accept, ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch kind = strings.ToLower(strings.TrimSpace(kind)); kind {
		case sseType, ndjsonType, jsonType:
			return kind
		}
	}
	return jsonType
}

// after is the id behind which a caller goes on, and where they say it. Where
// they begin stays in the address while they go on.
func (in *listEventsInput) after() (id, location string) {
	switch {
	case in.Cursor != "":
		return in.Cursor, "query.cursor"
	case in.LastID != "":
		return in.LastID, "header.Last-Event-ID"
	}
	return in.After, "query.after"
}

// stance finds out where a caller stands: behind the id they give, else at the
// beginning for a list and at the end for who follows.
func (s *Server) stance(ctx context.Context, in *listEventsInput, kind string) (*stance, error) {
	who := callOf(ctx).who
	id, err := s.identity(ctx)
	if err != nil {
		return nil, err
	}
	n, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	last, err := s.Store.LastEvent(ctx, who)
	if err != nil {
		return nil, err
	}
	out := &stance{incarnation: id.Incarnation, filter: composa.EventFilter{Subject: in.Subject}, names: n, who: who}
	if in.Type != "" {
		out.filter.Types = []composa.EventType{composa.EventType(in.Type)}
	}
	after, location := in.after()
	switch {
	case after == "0":
	case after == "" && (in.Follow || kind == sseType):
		out.at = last
	case after != "":
		seq, same, ok := seqOf(id.Incarnation, after)
		if !ok {
			return nil, at(location, "%q is not the id of an event", composa.Abridge(after, 40))
		}
		out.at = seq
		if !same || seq > last {
			out.at, out.lost = last, true
		}
	}
	return out, nil
}

// resetEvent tells that what lies before a number is not to be had.
func (st *stance) resetEvent(now time.Time) api.Event {
	return api.Event{ID: eventID(st.incarnation, st.at), At: now.UTC(), Type: reset, Subject: "site", Principal: string(composa.SystemPrincipal)}
}

func (s *Server) eventPage(ctx context.Context, from *stance, limit int) (*api.Events, error) {
	out := &api.Events{Items: []api.Event{}, Page: api.Page{AsOf: s.Clock().UTC()}}
	if from.lost {
		out.Items = append(out.Items, from.resetEvent(s.Clock()))
		return out, nil
	}
	events, err := s.Store.Events(ctx, from.who, from.at, limit, from.filter)
	if err != nil {
		return nil, err
	}
	for i := range events {
		out.Items = append(out.Items, from.names.event(from.incarnation, &events[i]))
	}
	if len(events) == limit {
		out.Next = out.Items[limit-1].ID
	}
	return out, nil
}

// stream writes events until there are no more, or, where it follows, until ctx
// ends or the caller does not take them any more.
func (s *Server) stream(ctx context.Context, from *stance, out *stream, follow bool) error {
	out.begin()
	if err := out.deadline(); err != nil {
		return err
	}
	if from.lost {
		if err := out.send(from.resetEvent(s.Clock())); err != nil {
			return err
		}
	}
	// The headers go out at once, so that the caller knows that it stands.
	if err := out.flush(); err != nil {
		return err
	}
	for {
		events, err := s.more(ctx, from, follow)
		switch {
		case errors.Is(err, errQuiet):
			err = nil
		case err != nil:
			return err
		case len(events) == 0:
			return nil
		}
		if err := s.renew(ctx, from); err != nil {
			return err
		}
		if err := out.deadline(); err != nil {
			return err
		}
		if len(events) == 0 {
			err = out.alive()
		}
		for i := 0; i < len(events) && err == nil; i++ {
			if e := &events[i]; e.Project == "" || from.who.Sees(e.Project) {
				err = out.send(from.names.event(from.incarnation, e))
			}
		}
		if err == nil {
			err = out.flush()
		}
		if err != nil {
			return err
		}
	}
}

// renew looks anew who follows and what they may see: a token that has ended
// ends its streams, and names are those of now.
func (s *Server) renew(ctx context.Context, from *stance) error {
	c := callOf(ctx)
	who, err := s.owner(ctx, c.token)
	if err != nil {
		return err
	}
	who.Request = c.id
	c.who, from.who = who, who
	from.names, err = s.names(ctx)
	return err
}

var errQuiet = errors.New("nothing happened for a while")

// streamBatch is how many events are written before they are flushed.
const streamBatch = 100

// more returns the next events and moves the stance. Without follow nothing
// means the end; with it, errQuiet means that it is time for a sign of life.
func (s *Server) more(ctx context.Context, from *stance, follow bool) (events []composa.Event, err error) {
	if !follow {
		events, err = s.Store.Events(ctx, from.who, from.at, streamBatch, from.filter)
		if len(events) > 0 {
			from.at = events[len(events)-1].Seq
		}
		return events, err
	}
	quiet, cancel := context.WithTimeoutCause(ctx, keepAlive, errQuiet)
	defer cancel()
	events, from.at, err = s.feed.Next(quiet, from.who, from.at, streamBatch, from.filter)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = errQuiet
	}
	return events, err
}

// stream writes events to one caller. All that is written at one time, at most
// streamBatch events, must be taken within a time, so that a caller who hardly
// reads is let go, and costs no more than those events until then.
type stream struct {
	w     http.ResponseWriter
	ctl   *http.ResponseController
	kind  string
	start string // id of where it begins
}

func newStream(w http.ResponseWriter, kind, start string) *stream {
	return &stream{w: w, ctl: http.NewResponseController(w), kind: kind, start: start}
}

func (o *stream) begin() {
	o.w.Header().Set("Content-Type", o.kind)
	o.w.Header().Set("Last-Event-ID", o.start)
	o.w.Header().Set("X-Accel-Buffering", "no") // proxies pass events on at once
	o.w.WriteHeader(http.StatusOK)
}

func (o *stream) send(e api.Event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if o.kind == ndjsonType {
		return o.write(append(text, '\n'))
	}
	// JSON holds no line breaks, and types and ids are ours, so that no field
	// can run into another.
	var b bytes.Buffer
	b.WriteString("id: " + e.ID + "\nevent: " + e.Type + "\ndata: ")
	b.Write(text)
	b.WriteString("\n\n")
	return o.write(b.Bytes())
}

// alive says something that means nothing.
func (o *stream) alive() error {
	if o.kind == ndjsonType {
		return o.write([]byte("\n"))
	}
	return o.write([]byte(": nothing new\n\n"))
}

func (o *stream) write(b []byte) error {
	_, err := o.w.Write(b)
	return err
}

func (o *stream) flush() error { return o.ctl.Flush() }

// deadline gives the caller a time for what is written next.
func (o *stream) deadline() error {
	err := o.ctl.SetWriteDeadline(time.Now().Add(slowest))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
