package liqid

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/composa-dev/composa"
)

// streams are the server-sent events that are listened to. What a director
// sends in them is not known, only that it is after changes (liqid-api.md 2.16).
var streams = []string{"group", "machine", "predevice"}

// streamRoots are where the streams may be: one client builds the shorter path,
// the vendor's description repeats a part of it (liqid-api.md 2.16, A12).
var streamRoots = []string{"sse/", "sse/api/v2/"}

// maxLine bounds one line of a stream; whole lists may stand in one.
const maxLine = 64 << 20

// listenStreams listens to the streams, all of them, until one is lost.
func (f *Fabric) listenStreams(ctx context.Context, opened, changed func()) error {
	var last error
	for _, root := range streamRoots {
		replies, err := f.openStreams(ctx, root)
		if err != nil {
			last = err
			continue
		}
		opened()
		return readStreams(ctx, replies, changed)
	}
	return last
}

func (f *Fabric) openStreams(ctx context.Context, root string) ([]*http.Response, error) {
	// The streams last for as long as their context: only their opening is bounded.
	ctx, stop := context.WithCancel(ctx)
	late := time.AfterFunc(f.config.Timeouts.Read, stop)
	replies := make([]*http.Response, len(streams))
	var opens []func() error
	for i, name := range streams {
		opens = append(opens, func() (err error) { replies[i], err = f.openStream(ctx, root+name); return err })
	}
	err := together(opens...)
	if !late.Stop() {
		err = faultf(composa.CodeUnreachable, "the director did not open its streams of events within %s", f.config.Timeouts.Read)
	}
	if err != nil {
		stop()
		closeAll(replies)
		return nil, err
	}
	for _, r := range replies {
		r.Body = &releasing{r.Body, stop}
	}
	return replies, nil
}

func (f *Fabric) openStream(ctx context.Context, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.calls.base+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/event-stream")
	reply, err := f.calls.events.Do(r)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if reply.StatusCode != http.StatusOK || kind != "text/event-stream" {
		reply.Body.Close()
		return nil, faultf(composa.CodeUnsupported, "the director answered GET %s with %d and no events", path, reply.StatusCode)
	}
	return reply, nil
}

func closeAll(replies []*http.Response) {
	for _, r := range replies {
		if r != nil {
			r.Body.Close()
		}
	}
}

// readStreams returns when the first stream ends, and has closed all then.
func readStreams(ctx context.Context, replies []*http.Response, changed func()) error {
	stop := sync.OnceFunc(func() { closeAll(replies) })
	defer context.AfterFunc(ctx, stop)()
	var reading sync.WaitGroup
	lost := make([]error, len(replies))
	for i, r := range replies {
		reading.Go(func() {
			defer stop()
			lost[i] = readStream(r, changed)
		})
	}
	reading.Wait()
	return errors.Join(lost...)
}

// readStream calls changed after each event that carries data: an event ends
// with an empty line, comments begin with a colon.
func readStream(r *http.Response, changed func()) error {
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, maxLine)
	data := false
	for lines.Scan() {
		line := lines.Text()
		switch field, _, _ := strings.Cut(line, ":"); {
		case line == "" && data:
			data = false
			changed()
		case field == "data":
			data = true
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return fmt.Errorf("the director ended its stream of events")
}
