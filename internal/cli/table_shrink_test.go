package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What tells rows apart is cut last.
func TestShrinkKeepsTheFirstColumn(t *testing.T) {
	for _, tt := range []struct {
		width        int
		widths, want []int
	}{
		{40, []int{11, 8, 30}, []int{11, 8, 17}},
		{30, []int{11, 8, 30}, []int{10, 8, 8}},
		{10, []int{11, 8, 30}, []int{8, 8, 8}},
		{10, []int{30}, []int{10}},
		{80, []int{11, 8, 30}, []int{11, 8, 30}},
	} {
		got := append([]int{}, tt.widths...)
		shrink(got, tt.width)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%v in %d: %s", tt.widths, tt.width, d)
		}
	}
}
