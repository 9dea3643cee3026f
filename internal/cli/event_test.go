package cli

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewestKeepsTheLast(t *testing.T) {
	for _, tt := range []struct {
		limit, all int
		want       []int
	}{
		{0, 3, []int{0, 1, 2}},
		{1, 0, nil},
		{1, 1, []int{0}},
		{1, 9, []int{8}},
		{3, 2, []int{0, 1}},
		{3, 3, []int{0, 1, 2}},
		{3, 4, []int{1, 2, 3}},
		{3, 100, []int{97, 98, 99}},
	} {
		got, err := newest(tt.limit, func(yield func(int, error) bool) {
			for i := range tt.all {
				if !yield(i, nil) {
					return
				}
			}
		})
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("newest %d of %d: %v (-want +got):\n%s", tt.limit, tt.all, err, diff)
		}
	}
	broken := errors.New("broken")
	if _, err := newest(1, func(yield func(int, error) bool) { yield(0, broken) }); err != broken {
		t.Errorf("a list that breaks off ends with %v", err)
	}
}
