package intake_test

import (
	"strings"
	"testing"

	"github.com/composa-dev/composa"
)

// What is advised can be pasted: it must not take away what is wanted.
func TestTheAdviceOnAnotherWishKeepsToWhatIsWanted(t *testing.T) {
	where := func(n int, expression string) composa.Entry {
		e := gpus(n)
		e.Where = expression
		return e
	}
	a100 := gpus(2)
	a100.Model = "A100"
	for name, tt := range map[string]struct {
		is, want composa.Spec
		advice   string
	}{
		"fewer":                 {wants(gpus(2)), wants(gpus(1)), "composa reshape train --gpu 1"},
		"another condition":     {wants(gpus(2)), wants(where(1, `device.kind == "gpu"`)), "composa free train and compose it anew"},
		"a model":               {wants(gpus(2)), wants(a100), "composa free train and compose it anew"},
		"the same condition":    {wants(where(2, `device.kind == "gpu"`)), wants(where(1, `device.kind == "gpu"`)), "composa reshape train --gpu 1"},
		"a kind with condition": {wants(), wants(where(1, `device.kind == "gpu"`)), "composa free train and compose it anew"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ready("train", tt.is)
			_, err := w.Compose(t.Context(), w.who, composa.ComposeRequest{Asked: w.asked("train"), Spec: tt.want})
			if composa.CodeOf(err) != composa.CodeExists || !strings.Contains(err.(*composa.Error).Next, tt.advice) {
				t.Errorf("got %v, want the advice %q", err, tt.advice)
			}
		})
	}
}
