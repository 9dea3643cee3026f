package liqid

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestListsAreNarrowedToAGroup asks with the word of the era (liqid-api.md 2.4,
// 2.5); the word of another narrows nothing.
func TestListsAreNarrowedToAGroup(t *testing.T) {
	for _, api := range Eras() {
		t.Run(api, func(t *testing.T) {
			d := start(t, Config{API: api, Counts: Counts{CPUs: 2, GPUs: 2}})
			for i, device := range []string{"gpu0", "gpu1"} {
				if _, err := d.Rival().MakeMachine(fmt.Sprint("theirs", i), device); err != nil {
					t.Fatal(err)
				}
			}
			word, other := "grp_id", "cid"
			if api == "2.4" {
				word, other = other, word
			}
			for _, list := range []string{"predevice", "machine"} {
				if n := len(must[any](t, d, "GET", list+"?"+word+"=2", "")); n != 1 {
					t.Errorf("%s of one of two groups lists %d, not 1", list, n)
				}
				if n := len(must[any](t, d, "GET", list+"?"+other+"=2", "")); n != 2 {
					t.Errorf("%s with a word of another era lists %d, not 2", list, n)
				}
			}
		})
	}
}

// TestWhereThingsAre holds that rack and shelf are 0 in 3.x (liqid-api.md 1.1),
// and that the coordinates of a GroupPool are echoed (2.3).
func TestWhereThingsAre(t *testing.T) {
	for _, api := range Eras() {
		t.Run(api, func(t *testing.T) {
			d := start(t, Config{API: api, Counts: Counts{CPUs: 2, GPUs: 6}})
			shelves := map[int]bool{}
			for _, r := range must[statusRecord](t, d, "GET", "status", "") {
				shelves[r.Location.Shelf] = true
			}
			if flat := len(shelves) == 1 && shelves[0]; flat != (api[0] == '3') {
				t.Errorf("devices are on shelves %v", shelves)
			}
			must[any](t, d, "POST", "group", groupBody(1, "research"))
			at := Coordinates{Rack: 0, Shelf: 1, Node: 3}
			for _, path := range []string{"pool/edit", "pool/cancel"} {
				got := must[groupPoolRecord](t, d, "POST", path, `{"grp_id":1,"fabr_id":1,"coordinates":{"rack":0,"shelf":1,"node":3}}`)
				if len(got) != 1 || got[0].Coordinates != at {
					t.Errorf("%s answers %+v, not with the coordinates that it was asked with", path, got)
				}
			}
		})
	}
}

// TestWhatOthersTookMeanwhile commits a device into one group while it stands in
// the queue of another: whose commit comes later is refused, and has broken no
// rule.
func TestWhatOthersTookMeanwhile(t *testing.T) {
	d := start(t, Config{API: "2.5", Counts: Counts{CPUs: 1, GPUs: 5}})
	for i := 1; i <= 2; i++ {
		must[any](t, d, "POST", "group", groupBody(i, fmt.Sprint("group", i)))
		must[any](t, d, "POST", "pool/edit", poolBody(i))
		must[any](t, d, "POST", "predevice/gpu", memberBody("gpu4", i))
	}
	must[any](t, d, "POST", "pool/done", poolBody(1))
	if status, text := call(d, "POST", "pool/done", poolBody(2)); status != http.StatusBadRequest || !strings.Contains(text, "gpu4 was taken meanwhile") {
		t.Errorf("the second commit is answered %d %s", status, text)
	}
	if v := d.Violations(); len(v) > 0 {
		t.Errorf("violations: %+v", v)
	}
	if got, _ := d.Snapshot().Device("gpu4"); got.Group != 1 {
		t.Errorf("gpu4 is in group %d", got.Group)
	}
}

// TestRivalSignsIn lets the rival work where nobody may who does not sign in.
func TestRivalSignsIn(t *testing.T) {
	for _, api := range Eras() {
		d := start(t, Config{API: api, Counts: Counts{CPUs: 1, GPUs: 1}, Users: map[string]string{"ann": "secret"}})
		if _, err := d.Rival().Take("gpu0"); err != nil {
			t.Errorf("%s: %v", api, err)
		}
	}
}

// TestWhatOthersTookAMomentAgo asks for a device that somebody else has just
// taken: nobody could know. Who took it himself knows.
func TestWhatOthersTookAMomentAgo(t *testing.T) {
	d := start(t, Config{API: "2.5", Counts: Counts{CPUs: 1, GPUs: 2}})
	if _, err := d.Rival().MakeMachine("theirs", "gpu0"); err != nil {
		t.Fatal(err)
	}
	ask := func(agent string) {
		t.Helper()
		r := httptest.NewRequest("POST", prefix+"predevice/gpu", strings.NewReader(memberBody("gpu0", 2)))
		r.Header.Set("User-Agent", agent)
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "gpu0 is not in the system free pool") {
			t.Errorf("%s is answered %d %s", agent, w.Code, w.Body)
		}
	}
	open := func(agent string) {
		r := httptest.NewRequest("POST", prefix+"pool/edit", strings.NewReader(poolBody(2)))
		r.Header.Set("User-Agent", agent)
		d.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	must[any](t, d, "POST", "group", groupBody(2, "other"))
	open("other")
	ask("other")
	if v := d.Violations(); len(v) > 0 {
		t.Errorf("who was outrun has broken a rule: %+v", v)
	}
	if err := d.Rival().Do("POST", "pool/edit", poolBody(1)); err != nil {
		t.Fatal(err)
	}
	if err := d.Rival().Do("POST", "predevice/gpu", memberBody("gpu0", 1)); err == nil {
		t.Error("a device enters its group a second time")
	}
	if v := d.Violations(); len(v) != 1 || v[0].Rule != RuleSystemFree {
		t.Errorf("who took it himself has broken no rule: %+v", v)
	}
}
