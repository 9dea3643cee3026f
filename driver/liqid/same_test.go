package liqid

import (
	"fmt"
	"testing"
)

// Only the same bytes under the same path are taken as read, and only so many
// lists are kept.
func TestTheSameAnswerIsReadOnce(t *testing.T) {
	var s same
	a := &answer{}
	s.keep("machine", []byte("one"), a)
	if s.find("machine", []byte("one")) != a {
		t.Error("the same answer was not found")
	}
	if s.find("machine", []byte("two")) != nil || s.find("group", []byte("one")) != nil {
		t.Error("another answer was taken for it")
	}
	s.keep("machine", []byte("two"), &answer{})
	if s.find("machine", []byte("one")) != nil {
		t.Error("the answer before the last one was found")
	}
	for i := range 10 * sameMost {
		s.keep(fmt.Sprintf("predevice?grp_id=%d", i), []byte("one"), a)
		if len(s.last) > sameMost {
			t.Fatalf("%d lists are kept", len(s.last))
		}
	}
}

// What was read is shared only as what it was read as.
func TestRecordsAreOfOneType(t *testing.T) {
	a := &answer{}
	if _, ok := recordsOf[int](a); ok {
		t.Error("records were there before they were read")
	}
	keepRecords(a, []int{1})
	if _, ok := recordsOf[string](a); ok {
		t.Error("numbers were taken for text")
	}
	if got, ok := recordsOf[int](a); !ok || len(got) != 1 {
		t.Errorf("got %v", got)
	}
}
