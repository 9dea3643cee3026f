package liqid

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// behindDoor is a scene on a director that knows one user.
func behindDoor(t *testing.T, c emulator.Config, change ...func(*Config)) *scene {
	t.Helper()
	c.Users = map[string]string{doorUser: doorSecret}
	return newScene(t, c, append(change, func(c *Config) { c.Credentials = Credentials{doorUser, doorSecret} })...)
}

func TestSigningInToEveryEra(t *testing.T) {
	for _, api := range emulator.Eras() {
		t.Run(api, func(t *testing.T) {
			s := behindDoor(t, emulator.Config{API: api, Counts: small})
			s.do(s.enter("pcpu0", "gpu0"))
			s.do(s.step(composa.ActMake))
			key := "digest/" + composa.GroupMark(rackSite)
			keys := 0
			for _, c := range s.director.Calls(0) {
				if c.Status == http.StatusUnauthorized {
					t.Errorf("%s %s was refused", c.Method, c.Path)
				}
				if c.Method == http.MethodPost && c.Path == key && c.Status < 300 {
					keys++
				}
			}
			if want := strings.Count(api, "3."); keys != want {
				t.Errorf("%d keys were made, want %d", keys, want)
			}
			if err := s.director.Restart(0); err != nil {
				t.Fatal(err)
			}
			s.do(s.reshape([]string{"pcpu0", "gpu0"}, nil))
			s.takeKey(key)
			s.do(s.reshape(nil, []string{"pcpu0", "gpu0"}))
			s.do(s.step(composa.ActRemove))
			s.do(s.leave("pcpu0", "gpu0"))
			s.Check(t)
		})
	}
}

// takeKey takes the key away, where there is one.
func (s *scene) takeKey(path string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodDelete, s.server.URL+prefix+"/"+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	r.SetBasicAuth(doorUser, doorSecret)
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	reply.Body.Close()
}

func TestAWrongPasswordOnEveryEra(t *testing.T) {
	for _, api := range emulator.Eras() {
		s := behindDoor(t, emulator.Config{API: api, Counts: small})
		f := s.rack.open(t, func(c *Config) { c.Credentials = Credentials{doorUser, "a guess"} })
		for range 50 {
			_, err := f.Observe(t.Context(), composa.Scope{})
			if err == nil || composa.CodeOf(err) != composa.CodeUnreachable || strings.Contains(err.Error(), "a guess") ||
				!strings.Contains(err.Error(), `does not take the password of its user "site"`) {
				t.Fatalf("%s: %v", api, err)
			}
		}
		if calls := s.director.CallCount(); calls > 6 { // 1 s, 2 s: few fit into this test
			t.Errorf("%s: %d calls", api, calls)
		}
	}
}

func TestADirectorBehindTLS(t *testing.T) {
	ca := newAuthority(t, "our authority")
	s := behindDoor(t, emulator.Config{API: "3.4", Counts: small})
	url := over(t, http.HandlerFunc(s.serve), ca.signs(t, nil))
	s.f = s.rack.open(t, func(c *Config) {
		c.URL, c.CA, c.Credentials = url, ca.pem, Credentials{doorUser, doorSecret}
	})
	defer s.f.calls.http.CloseIdleConnections()
	s.do(s.enter("pcpu0", "gpu0"))
	s.do(s.leave("pcpu0", "gpu0"))
	s.Check(t)
}

func TestADirectorThatLimitsCalls(t *testing.T) {
	s := newScene(t, emulator.Config{Counts: small, PerSecond: 40})
	s.do(s.enter("pcpu0", "gpu0"))
	s.do(s.step(composa.ActMake))
	s.do(s.step(composa.ActRemove))
	s.do(s.leave("pcpu0", "gpu0"))
	s.Check(t)
	limited := 0
	for _, c := range s.director.Calls(0) {
		if c.Status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited == 0 || limited > s.director.CallCount()/2 {
		t.Errorf("%d of %d calls were too many", limited, s.director.CallCount())
	}
}

func TestCommitsOfEveryHabitAreTimed(t *testing.T) {
	const slow = 60 * time.Millisecond
	for _, tt := range []struct {
		api, commit string
		how         answerKind
		least       time.Duration
	}{
		{"2.5", "done", answerDone, slow},
		{"2.5", "early", answerDone, 0},
		{"3.4", "done", answerDone, slow},
		{"3.4", "accepted", answerFollowed, slow},
	} {
		t.Run(tt.api+" "+tt.commit, func(t *testing.T) {
			s := newScene(t, emulator.Config{
				API: tt.api, Counts: small, Habits: emulator.Habits{Commit: tt.commit}, CommitLatency: emulator.Latency{Min: slow, Max: slow},
			})
			s.do(s.enter("pcpu0", "gpu0"))
			s.do(s.step(composa.ActMake))
			s.do(s.reshape([]string{"pcpu0", "gpu0"}, nil))
			m := s.f.calls.commits.told()
			if m.count != 2 || m.median < tt.least {
				t.Errorf("%+v", m)
			}
			how, err := s.f.calls.commit(t.Context(), http.MethodPost, "machine/p2p", map[string]any{"mach_id": 1, "grp_id": 1, "p2p": "on"})
			if err != nil || how != tt.how {
				t.Errorf("%q %v", how, err)
			}
		})
	}
}
