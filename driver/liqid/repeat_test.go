package liqid

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	emulator "github.com/composa-dev/composa/emulator/liqid"
)

// ways are how a single reading call fails and the next one may not.
var ways = map[string]func(http.ResponseWriter){
	"500": func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, `{"response":{"data":[],"errors":[{"message":"fault"}],"code":500}}`)
	},
	"a connection dropped in the answer": func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"resp`)
	},
	"garbage":     func(w http.ResponseWriter) { io.WriteString(w, `<html>who are you?</html>`) },
	"no envelope": func(w http.ResponseWriter) { io.WriteString(w, `{"hello":1}`) },
	"an element not understood": func(w http.ResponseWriter) {
		io.WriteString(w, `{"response":{"data":[7],"errors":null,"code":0}}`)
	},
}

// A reading call of a look fails as often as it is repeated, and the look comes
// to its end; one time more, and it fails.
func TestAFailedReadIsRepeated(t *testing.T) {
	for name, fail := range ways {
		for path, reads := range map[string]int{"/v2/group": 2, "/v2/status": 1} {
			if name == "an element not understood" && path == "/v2/status" {
				continue // what is no device there is passed over
			}
			t.Run(name+" "+path, func(t *testing.T) {
				s := newScene(t, emulator.Config{Counts: small})
				s.observe()
				var mu sync.Mutex
				left, asked := 0, 0
				s.answerWith(func(w http.ResponseWriter, q *http.Request) bool {
					if !strings.HasSuffix(q.URL.Path, path) {
						return false
					}
					mu.Lock()
					asked++
					left--
					bad := left >= 0
					mu.Unlock()
					if bad {
						fail(w)
					}
					return bad
				})
				left = repeats
				s.observe()
				if asked != repeats+reads {
					t.Errorf("asked %d times, want %d", asked, repeats+reads)
				}
				left, asked = repeats+1, 0
				if _, err := s.f.Observe(t.Context(), composa.Scope{}); driver.CodeOf(err) != composa.CodeUnreachable || asked != repeats+1 {
					t.Errorf("asked %d times: %v", asked, err)
				}
			})
		}
	}
}

func TestWhatIsNotRepeated(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		status       int
	}{
		{"a changing call", "POST", 500},
		{"a refused read", "GET", 403},
		{"a read of what is not there", "GET", 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.WriteHeader(tt.status)
			})
			var err error
			if tt.method == "GET" {
				_, err = c.read(t.Context(), "group")
			} else {
				err = c.change(t.Context(), tt.method, "group", map[string]int{})
			}
			if err == nil || asked != 1 {
				t.Errorf("asked %d times: %v", asked, err)
			}
		})
	}
}
