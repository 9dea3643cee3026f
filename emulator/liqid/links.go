package liqid

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// What a director of 3.x does after it has answered: liqid-api.md 2.13 and 2.9.

// Limits of what is remembered about work that was answered before it was done.
const (
	// maxWork is how much of it is remembered; past it what ended first is
	// forgotten, and nothing more is begun while all of it goes on.
	maxWork = 1000
	// workKept is for how long it can be asked about after its end.
	workKept = 30 * time.Second
)

// The words of command_execution_state; the first is spelled otherwise (liqid-api.md 2.13).
const (
	workPending = "Pending"
	workSuccess = "SUCCESS"
	workFailure = "FAILURE"
)

// linkPath is where links of 202 lead; clients take it from there and know no path.
const linkPath = "async/"

// work remembers what was answered before it was done.
type work struct {
	mu    sync.Mutex
	last  int
	tasks []task // the oldest first
}

// task is one such piece of work.
type task struct {
	id     string // what it is asked about under
	device string // dev_id of what is erased; n/a for a commit
	began  time.Time
	state  string
	ended  time.Time
}

// begin remembers a new task, under an id of its own unless one is given, and
// returns the id.
func (w *work) begin(id, device string, shown time.Time) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	if id == "" {
		id = strconv.Itoa(w.last)
	}
	w.tidy()
	w.tasks = slices.DeleteFunc(w.tasks, func(t task) bool { return t.id == id })
	if len(w.tasks) >= maxWork && !w.forgetEnded() {
		return "", cannotNow(http.StatusServiceUnavailable, 1, fmt.Sprintf("%d commits and erases are under way, the most this director keeps", maxWork))
	}
	w.tasks = append(w.tasks, task{id: id, device: device, began: shown, state: workPending})
	return id, nil
}

// forgetEnded forgets what ended first, if anything has. w.mu is held.
func (w *work) forgetEnded() bool {
	first := -1
	for i, t := range w.tasks {
		if !t.ended.IsZero() && (first < 0 || t.ended.Before(w.tasks[first].ended)) {
			first = i
		}
	}
	if first < 0 {
		return false
	}
	w.tasks = slices.Delete(w.tasks, first, first+1)
	return true
}

// end says how a task ended.
func (w *work) end(id string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.tasks {
		if t := &w.tasks[i]; t.id == id {
			t.state, t.ended = workSuccess, time.Now()
			if err != nil {
				t.state = workFailure
			}
		}
	}
}

// find returns a task that is still remembered.
func (w *work) find(id string) (task, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tidy()
	i := slices.IndexFunc(w.tasks, func(t task) bool { return t.id == id })
	if i < 0 {
		return task{}, false
	}
	return w.tasks[i], true
}

// tidy forgets what ended long ago. w.mu is held.
func (w *work) tidy() {
	w.tasks = slices.DeleteFunc(w.tasks, func(t task) bool {
		return !t.ended.IsZero() && time.Since(t.ended) > workKept
	})
}

// forget forgets all of it, as a restart does.
func (w *work) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks = nil
}

// asyncStatus is an AsynchronousStatus (liqid-api.md 1.4).
type asyncStatus struct {
	State    string `json:"command_execution_state"`
	DeviceID string `json:"device_id"`
	Date     string `json:"execution_date"`
}

// asyncInfo is what an erase of 3.x answers (liqid-api.md 1.4).
type asyncInfo struct {
	AsyncID  string `json:"async_id"`
	DeviceID string `json:"device_id"`
}

func (r *request) workStatus() (any, error) {
	t, found := r.d.work.find(r.PathValue("id"))
	if !found {
		return nil, &refusal{http.StatusNotFound, "", "nothing of the id " + r.PathValue("id") + " is at work"}
	}
	return one(asyncStatus{t.state, t.device, t.began.UTC().Format(time.RFC3339)}), nil
}

// accepted is an answer 202: the record that the call answers otherwise, and
// where to ask whether it is done.
type accepted struct {
	record any
	href   string
}

// MarshalJSON puts the link among the fields of the record.
func (a accepted) MarshalJSON() ([]byte, error) {
	record, err := encode(a.record)
	if err != nil {
		return nil, err
	}
	links, err := encode([]struct {
		Href string `json:"href"`
	}{{a.href}})
	if err != nil {
		return nil, err
	}
	record, isObject := bytes.CutSuffix(record, []byte("}"))
	if !isObject {
		return nil, fmt.Errorf("%s carries no links", record)
	}
	return slices.Concat(record, []byte(`,"links":`), links, []byte("}")), nil
}

// link is the absolute URL at which this client asks about a task.
func (r *request) link(id string) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + prefix + linkPath + id
}
