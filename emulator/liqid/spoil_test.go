package liqid

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestSpoiledAnswers: the call is carried out, and its answer is no good.
func TestSpoiledAnswers(t *testing.T) {
	for i, tt := range []struct {
		effects []string
		status  int
		ok      func(heard) bool
	}{
		{[]string{"html"}, 201, func(a heard) bool {
			return strings.HasPrefix(a.body, "<!DOCTYPE html>") && strings.HasPrefix(a.header.Get("Content-Type"), "text/html")
		}},
		{[]string{"half"}, 201, func(a heard) bool {
			return strings.HasPrefix(a.body, `{"response":`) && !json.Valid([]byte(a.body))
		}},
		{[]string{"types"}, 201, func(a heard) bool { return allMistyped(t, a.body) }},
		{[]string{"empty"}, 200, func(a heard) bool { return a.body == "" }},
		{[]string{"html", "half"}, 201, func(a heard) bool {
			return strings.HasPrefix(a.body, "<!DOCTYPE html>") && !strings.Contains(a.body, "</html>")
		}},
	} {
		w := onWire(t, Config{})
		var rules []string
		for _, e := range tt.effects {
			rules = append(rules, "#1 POST group "+e)
		}
		fault(t, w.d, rules...)
		got := w.want(tt.status, "POST", "group", groupBody(1, "g"))
		if !tt.ok(got) || got.header.Get("Content-Length") != fmt.Sprint(len(got.body)) {
			t.Errorf("%d: %v: %v %s", i, tt.effects, got.header, got.body)
		}
		if g := w.d.Snapshot().Groups; len(g) != 1 {
			t.Errorf("%v: the call was not carried out", tt.effects)
		}
		if calls := w.d.Calls(0); calls[0].Status != tt.status {
			t.Errorf("%v: logged with status %d", tt.effects, calls[0].Status)
		}
	}
}

// allMistyped holds the answer to POST group against the types that belong there.
func allMistyped(t *testing.T, body string) bool {
	t.Helper()
	var e struct {
		Response struct {
			Data []struct {
				FabrID any `json:"fabr_id"`
				Name   any `json:"group_name"`
			}
			Errors, Code any
		}
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || len(e.Response.Data) != 1 {
		t.Errorf("%v: %s", err, body)
		return false
	}
	fabric, isText := e.Response.Data[0].FabrID.(string)
	_, isList := e.Response.Data[0].Name.([]any)
	_, errors := e.Response.Errors.(float64)
	return isText && strings.HasPrefix(fabric, "number") && isList && errors
}

// TestSpoiledRefusals: refusals, answers of faults and answers without a body
// are spoiled, too.
func TestSpoiledRefusals(t *testing.T) {
	w := onWire(t, Config{})
	fault(t, w.d, "* DELETE group/7 html", "* GET group html", "* GET group status=503", "* PUT device/* html", "* GET state/* half")
	if got := w.want(400, "DELETE", "group/7", ""); !strings.HasPrefix(got.body, "<!DOCTYPE") {
		t.Error(got.body)
	}
	if got := w.want(503, "GET", "group", ""); !strings.HasPrefix(got.body, "<!DOCTYPE") || got.header.Get("Retry-After") != "1" {
		t.Error(got.header, got.body)
	}
	if got := w.want(200, "PUT", "device/0x00005000", ""); !strings.HasPrefix(got.body, "<!DOCTYPE") {
		t.Error(got.body) // the answer of an erase is 204 otherwise
	}
	if v, _ := w.d.Snapshot().Device("ssd0"); v.Erased == nil {
		t.Error("the drive was not erased")
	}
	if len(w.d.Violations()) != 1 {
		t.Errorf("violations = %v", w.d.Violations())
	}
}

func TestMistype(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"x","b":1,"c":true,"d":null,"e":[],"f":{},"g":[1,{"h":"y"}]}`: `{"a":["x"],"b":"number 1","c":"true","d":0,"e":{},"f":[],"g":["number 1",{"h":["y"]}]}`,
		`7`:       `"number 7"`,
		`no json`: `no json`,
		``:        ``,
	} {
		if got := string(mistype([]byte(in))); got != want {
			t.Errorf("mistype(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestRetryAfterOfFaults(t *testing.T) {
	w := onWire(t, Config{})
	fault(t, w.d, "#1 GET group status=429", "#2 GET group status=503", "#3 GET group status=500")
	for _, status := range []int{429, 503, 500} {
		got := w.want(status, "GET", "group", "")
		if has := got.header.Get("Retry-After"); (has == "1") != (status != 500) {
			t.Errorf("%d with Retry-After %q", status, has)
		}
	}
}
