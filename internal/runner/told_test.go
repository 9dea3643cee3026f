package runner

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/composa-dev/composa"
)

// A fabric that is away is told of once, and once more when it is back; what a
// fabric answers is told each time.
func TestWhatIsToldOfFailedCalls(t *testing.T) {
	away := composa.Errorf(composa.CodeUnreachable, "nobody answers")
	refused := composa.Errorf(composa.CodeRefused, "no")
	for _, tt := range []struct {
		name string
		errs []error
		want []string
	}{
		{"all is well", []error{nil, nil}, nil},
		{"away", []error{away, away, away}, []string{"further ones are not told"}},
		{"away and back", []error{away, away, nil, nil}, []string{"further ones are not told", "get through again"}},
		{"away twice", []error{away, nil, away}, []string{"further ones are not told", "get through again", "further ones are not told"}},
		{"refusals", []error{refused, refused}, []string{"a call failed", "a call failed"}},
		{"back with a refusal", []error{away, away, refused}, []string{"further ones are not told", "a call failed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			var told told
			log := slog.New(slog.NewTextHandler(&out, nil))
			for _, err := range tt.errs {
				told.call(t.Context(), log, "rack1", Call{Kind: CallApply, Operation: "op_1"}, err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if out.Len() == 0 {
				lines = nil
			}
			if len(lines) != len(tt.want) {
				t.Fatalf("the log says %d lines, want %d:\n%s", len(lines), len(tt.want), out.String())
			}
			for i, line := range lines {
				if !strings.Contains(line, tt.want[i]) || !strings.Contains(line, "fabric=rack1") {
					t.Errorf("line %d is %q, want %q in it", i, line, tt.want[i])
				}
			}
		})
	}
}
