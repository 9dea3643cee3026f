package rest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/internal/rest"
)

// leaving is a fabric whose caller goes away while it is checked.
type leaving struct {
	rest.Fabrics
	leave func()
}

func (l *leaving) Check(ctx context.Context, _ composa.FabricName) ([]composa.Check, error) {
	l.leave()
	return nil, context.Canceled
}

// Who goes away before the answer is no fault of the server's: nothing of it is
// an error in the log, and what can be answered says so.
func TestACallerWhoWentAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, setting{wrap: func(c rest.Config) rest.Config {
		c.Fabrics = &leaving{c.Fabrics, cancel}
		return c
	}})
	r := httptest.NewRequestWithContext(ctx, "POST", "/v1/fabrics/rack1/check", nil)
	r.Header.Set("Authorization", "Bearer "+w.token)
	answer := httptest.NewRecorder()
	w.rest.ServeHTTP(answer, r)
	if answer.Code != 503 || !strings.Contains(answer.Body.String(), "given up before its answer") {
		t.Errorf("the answer is %d %s", answer.Code, answer.Body)
	}
	told := ""
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, "/v1/fabrics/rack1/check") {
			told += line
		}
	}
	if !strings.Contains(told, "level=DEBUG") || strings.Contains(told, "level=ERROR") || strings.Contains(told, "level=INFO") {
		t.Errorf("the log says %q", told)
	}
}

// Of many mistakes the first are told, and how many more there are.
func TestMistakesToldAreBounded(t *testing.T) {
	w := newWorld(t, setting{})
	for _, tt := range []struct {
		mistakes, told int
		last           string
	}{
		{20, 20, `there is no field "x19" in body`},
		{25, 21, "and 5 more"},
	} {
		fields := `"devices": []`
		for i := range tt.mistakes {
			fields += fmt.Sprintf(`, "x%02d": 1`, i)
		}
		p := w.ask("PUT", "/v1/machines/default/new1", "{"+fields+"}").problem(t)
		if len(p.Errors) != tt.told {
			t.Fatalf("%d of %d mistakes are told: %+v", len(p.Errors), tt.mistakes, p.Errors)
		}
		if last := p.Errors[tt.told-1]; last.Message != tt.last || !strings.HasPrefix(last.Location, "body") {
			t.Errorf("the last of %d is %+v, not %q", tt.mistakes, last, tt.last)
		}
		if first := (api.ProblemPlace{Location: "body.x00", Message: `there is no field "x00" in body`}); p.Errors[0] != first {
			t.Errorf("the first is %+v", p.Errors[0])
		}
	}
}
