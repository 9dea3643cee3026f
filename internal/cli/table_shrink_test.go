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

// Half of a number would be another number: what is cut ends before it. In names
// and ids the digits are no number.
func TestANumberIsNeverCut(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"cpu 40/80, ssd 160/320", 22, "cpu 40/80, ssd 160/320"},
		{"cpu 40/80, ssd 160/320", 21, "cpu 40/80, ssd …"},
		{"cpu 40/80, ssd 160/320", 17, "cpu 40/80, ssd …"},
		{"cpu 40/80, ssd 160/320", 16, "cpu 40/80, ssd …"},
		{"cpu 40/80, ssd 160/320", 15, "cpu 40/80, ssd…"},
		{"op_0000000000000250", 8, "op_0000…"},
		{"train1234", 8, "train12…"},
		{"1", 1, "1"}, {"12", 1, "…"}, {"ab", 1, "…"},
	} {
		if got := cut(tt.text, tt.width); got != tt.want {
			t.Errorf("%q in %d is %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}
