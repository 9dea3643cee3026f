package liqid

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// killedAt makes the director go away, for good, when the call comes that ends so.
func (s *scene) killedAt(ends ...string) {
	var mu sync.Mutex
	dead := false
	s.answerWith(func(_ http.ResponseWriter, q *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, end := range ends {
			dead = dead || q.Method != http.MethodGet && strings.HasSuffix(q.URL.Path, end)
		}
		if dead {
			panic(http.ErrAbortHandler)
		}
		return false
	})
}

// A director that is killed in the middle of a step is not waited for until the
// caller's time is over: the runner has to hear of it.
func TestADirectorThatIsGoneIsNotWaitedFor(t *testing.T) {
	const silence = 200 * time.Millisecond
	for _, tt := range []struct {
		name string
		at   int // which step of a life
		end  string
	}{
		{"committing a pool", 0, "/pool/done"},
		{"making a machine", 1, "/machine"},
		{"committing a machine", 2, "/fabric/reprogram"},
		{"switching p2p", 3, "/machine/p2p"},
		{"switching on", 4, "/power/start"},
	} {
		for _, told := range []bool{true, false} { // whether the director tells what is under way
			name := tt.name
			if !told {
				name += ", which is not told"
			}
			t.Run(name, func(t *testing.T) {
				s := newScene(t, emulator.Config{Counts: small}, func(c *Config) { c.Timeouts.Silence = silence })
				for _, next := range s.life()[:tt.at] {
					s.do(next())
				}
				step := s.life()[tt.at]()
				s.killedAt(tt.end)
				s.f.known.pending = told
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				began := time.Now()
				_, err := s.f.Apply(ctx, step)
				if took := time.Since(began); driver.CodeOf(err) != composa.CodeUnknown || took > cancelTime/2 {
					t.Errorf("after %v: %v (%s)", took, err, driver.CodeOf(err))
				}
			})
		}
	}
}

// The same for a director that is gone when the commit was answered.
func TestADirectorThatIsGoneAfterACommitIsNotWaitedFor(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small}, func(c *Config) { c.Timeouts.Silence = 200 * time.Millisecond })
	step := s.life()[0]()
	var mu sync.Mutex
	done := false
	s.answerWith(func(_ http.ResponseWriter, q *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if done {
			panic(http.ErrAbortHandler)
		}
		done = strings.HasSuffix(q.URL.Path, "/pool/done")
		return false
	})
	began := time.Now()
	_, err := s.f.Apply(t.Context(), step)
	if took := time.Since(began); driver.CodeOf(err) != composa.CodeUnknown || took > cancelTime/2 {
		t.Errorf("after %v: %v (%s)", took, err, driver.CodeOf(err))
	}
}

// Settling is no longer than that either, and comes to its end when the
// director is there again.
func TestSettleDoesNotWaitForADirectorThatIsGone(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small}, func(c *Config) { c.Timeouts.Silence = 200 * time.Millisecond })
	step := s.life()[0]()
	s.killedAt("/pool/done")
	_, err := s.f.Apply(t.Context(), step)
	if driver.CodeOf(err) != composa.CodeUnknown || !strings.Contains(err.Error(), "may still be open") {
		t.Errorf("%v", err)
	}
	s.answerWith(nil)
	s.killedAt("/pool/cancel")
	began := time.Now()
	err = s.f.Settle(t.Context(), step)
	if took := time.Since(began); err == nil || took > cancelTime/2 {
		t.Errorf("after %v: %v", took, err)
	}
	s.answerWith(nil)
	if err := s.f.Settle(t.Context(), step); err != nil {
		t.Error(err)
	}
	s.clean("settled")
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := New(Config{Name: "rack1", URL: "http://192.0.2.1", Site: rackSite})
		if err != nil {
			t.Fatal(err)
		}
		silent := faultf(composa.CodeUnreachable, "it is away")
		w := f.wait()
		for _, tt := range []struct {
			after time.Duration
			err   error
			want  bool
		}{
			{10 * time.Second, silent, false},
			{4 * time.Second, faultf(composa.CodeBusy, "it is at work"), false}, // it lives
			{14 * time.Second, silent, false},
			{time.Second, silent, true},
			{time.Second, nil, false},
			{16 * time.Second, faultf(composa.CodeUnknown, "its answer is lost"), true},
		} {
			time.Sleep(tt.after)
			if got := w.silent(tt.err); got != tt.want {
				t.Errorf("%v later, %v: %t", tt.after, tt.err, got)
			}
		}
	})
}

func TestAWaitEndsWithTheCallerOrWhenItIsSettled(t *testing.T) {
	f, err := New(Config{Name: "rack1", URL: "http://192.0.2.1", Site: rackSite, Timeouts: Timeouts{Settle: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	for within, want := range map[time.Duration]time.Duration{0: time.Minute, 10 * time.Minute: time.Minute, time.Second: time.Second} {
		ctx, cancel := context.WithCancel(t.Context())
		if within > 0 {
			ctx, cancel = context.WithTimeout(t.Context(), within)
		}
		now := time.Now()
		bounded, stop := f.bounded(ctx)
		if at, has := bounded.Deadline(); !has || at.Sub(now) > want+time.Second/2 || at.Sub(now) < want-time.Second/2 {
			t.Errorf("within %v it ends after %v, want %v", within, at.Sub(now), want)
		}
		stop()
		cancel()
	}
}
