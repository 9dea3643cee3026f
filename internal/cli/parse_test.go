package cli

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

func TestParseWant(t *testing.T) {
	for _, tt := range []struct {
		name, kind, text string
		want             api.Want
		err              string
	}{
		{"a count", "gpu", "4", api.Want{Kind: "gpu", Count: 4}, ""},
		{"a count with space around", "gpu", " 4 ", api.Want{Kind: "gpu", Count: 4}, ""},
		{"no compute node", "cpu", "0", api.Want{Kind: "cpu"}, ""},
		{"a model", "gpu", "A100:4", api.Want{Kind: "gpu", Model: "A100", Count: 4}, ""},
		{"a model with a colon", "gpu", "A:100:4", api.Want{Kind: "gpu", Model: "A:100", Count: 4}, ""},
		{"a model with a slash", "ssd", "P4510/P4610:2", api.Want{Kind: "ssd", Model: "P4510/P4610", Count: 2}, ""},
		{"an id", "gpu", "rack1/gpu3", api.Want{Kind: "gpu", Count: 1, IDs: []string{"rack1/gpu3"}}, ""},
		{"a range", "gpu", "rack1/gpu1,rack1/gpu[8-10]", api.Want{Kind: "gpu", Count: 4, IDs: []string{"rack1/gpu1", "rack1/gpu8", "rack1/gpu9", "rack1/gpu10"}}, ""},
		{"a list in brackets", "gpu", "rack1/gpu[1,4-5]", api.Want{Kind: "gpu", Count: 3, IDs: []string{"rack1/gpu1", "rack1/gpu4", "rack1/gpu5"}}, ""},
		{"the node of an address", "cpu", "ipmi=192.0.2.12", api.Want{Kind: "cpu", Count: 1, IPMI: "192.0.2.12"}, ""},
		{"the node of an IPv6 address", "cpu", "ipmi=2001:db8::1", api.Want{Kind: "cpu", Count: 1, IPMI: "2001:db8::1"}, ""},
		{"nothing", "gpu", "", api.Want{}, `cannot x: --gpu "" is neither a count, MODEL:COUNT nor ids; write --gpu 1, for example`},
		{"no count behind the colon", "gpu", "A100:", api.Want{}, `cannot x: --gpu "A100:" has no count behind the colon; write A100:1, for example`},
		{"no model before the colon", "gpu", ":4", api.Want{}, `cannot x: --gpu ":4" has no model before the colon; write --gpu 4 for any model`},
		{"none of a model", "gpu", "A100:0", api.Want{}, `cannot x: 0 is not a count of gpu devices; ask for 1 or more, or leave gpu out`},
		{"a fraction", "gpu", "1.5", api.Want{}, `cannot x: --gpu "1.5" is neither a count, MODEL:COUNT nor ids; for one of that model write --gpu 1.5:1`},
		{"two slashes", "gpu", "a/b/c", api.Want{}, `cannot read --gpu "a/b/c": it does not name a device; write FABRIC/DEVICE, for example rack1/gpu3 or rack1/gpu[4-7]`},
		{"an empty id", "gpu", "rack1/gpu1,", api.Want{}, `cannot read --gpu: a name is empty; write FABRIC/DEVICE, for example rack1/gpu3`},
		{"two pairs of brackets", "gpu", "rack1/gpu[1][2]", api.Want{}, `cannot read --gpu "rack1/gpu[1][2]": it has more than one pair of brackets; write FABRIC/DEVICE, for example rack1/gpu3 or rack1/gpu[4-7]`},
		{"leading zeros in a range", "gpu", "rack1/gpu[01-02]", api.Want{}, `cannot read --gpu "rack1/gpu[01-02]": "01-02" is neither a number nor a range; write FABRIC/DEVICE, for example rack1/gpu3 or rack1/gpu[4-7]`},
		{"a way out of the path", "gpu", "rack1/..%2f", api.Want{}, `cannot read --gpu "rack1/..%2f": "%" may not stand in the name of a device; write FABRIC/DEVICE, for example rack1/gpu3 or rack1/gpu[4-7]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseWant("cannot x", tt.kind, tt.text)
			if text := errorText(err); text != tt.err {
				t.Fatalf("error = %s\nwant    %s", text, tt.err)
			}
			if err == nil {
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// What a person can write is what comes out again.
func FuzzParseWant(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range kinds {
			w, err := parseWant("cannot x", kind, text)
			if err != nil {
				var f *failure
				if !errors.As(err, &f) || f.exit != exitUsage {
					t.Fatalf("%q: %v is no failure of usage", text, err)
				}
				continue
			}
			if w.Count > maxCount || w.Count < 0 || len(w.IDs) > maxCount || len(w.IDs) > 0 && len(w.IDs) != w.Count {
				t.Fatalf("%q gives %+v, beyond the limits", text, w)
			}
			again, err := parseWant("cannot x", kind, wantText(w))
			if err != nil {
				t.Fatalf("%q is written as %q, which cannot be read: %v", text, wantText(w), err)
			}
			if diff := cmp.Diff(w, again); diff != "" {
				t.Fatalf("%q is written as %q: %s", text, wantText(w), diff)
			}
		}
	})
}

// The server says the same of what both check.
func TestChecksSayWhatTheServerSays(t *testing.T) {
	for _, name := range []string{"train", "", "all", "new", "default", "composa", "composa-x", "Train", "-x", "x-", "x_y", "é", strings.Repeat("a", 63), strings.Repeat("a", 64), "a.b", "0"} {
		ours, theirs := checkName("machine", name), composa.CheckName("machine", name)
		if errorText(ours) != errorText(theirs) {
			t.Errorf("name %q:\n%s\nthe server says\n%s", name, errorText(ours), errorText(theirs))
		}
	}
	for _, w := range [][]api.Want{
		{{Kind: "gpu", Count: 4}},
		{{Kind: "gpu", Count: 0}},
		{{Kind: "gpu", Count: -3}},
		{{Kind: "gpu", Count: 513}},
		{{Kind: "gpu", Count: 400}, {Kind: "ssd", Count: 400}},
		{{Kind: "gpu", Count: 1, Model: strings.Repeat("x", 64)}},
		{{Kind: "gpu", Count: 2, IDs: []string{"rack1/gpu1", "rack1/gpu1"}}},
		{{Kind: "gpu", Count: 1, IDs: []string{"rack1/gpu1"}}, {Kind: "ssd", Count: 1, IDs: []string{"rack2/ssd1"}}},
		slices.Repeat([]api.Want{{Kind: "gpu", Count: 1}}, 65),
	} {
		var entries []composa.Entry
		for _, x := range w {
			e := composa.Entry{Kind: composa.Kind(x.Kind), Count: x.Count, Model: x.Model}
			for _, id := range x.IDs {
				e.Places = append(e.Places, composa.Place(id))
			}
			entries = append(entries, e)
		}
		ours, theirs := checkWants(`cannot compose "train"`, w), composa.CheckEntries(`cannot compose "train"`, entries)
		if errorText(ours) != errorText(theirs) {
			t.Errorf("%v:\n%s\nthe server says\n%s", w, errorText(ours), errorText(theirs))
		}
	}
	if maxName != composa.MaxName || maxCount != composa.MaxCount || maxEntries != composa.MaxEntries || maxLabels != composa.MaxLabels {
		t.Error("the limits differ from the server's")
	}
	var theirs []string
	for _, k := range composa.Kinds() {
		theirs = append(theirs, string(k))
	}
	if diff := cmp.Diff(theirs, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestNaturalOrderIsTheServers(t *testing.T) {
	name := rapid.StringOfN(rapid.RuneFrom([]rune("ab/019-")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		if got, want := sign(naturalCompare(a, b)), sign(composa.NaturalCompare(a, b)); got != want {
			t.Fatalf("%q and %q: %d, the server says %d", a, b, got, want)
		}
	})
}

func sign(n int) int { return max(-1, min(1, n)) }

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "8h": 8 * time.Hour, "2d": 48 * time.Hour, "1w": 168 * time.Hour, "1h30m": 90 * time.Minute,
		"1.5h": 90 * time.Minute, "250ms": 250 * time.Millisecond, "0": 0, "0s": 0,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "h", "-5m", "5 m", "5y", "1h-5m", "1..5h", "999999999999w", "5mh"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q = %v, want an error", text, got)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"gpuu": "gpu", "gup": "gpu", "memroy": "memory", "cpus": "cpu", "tape": "", "x": ""} {
		if got := nearest(word, kinds); got != want {
			t.Errorf("nearest to %q = %q, want %q", word, got, want)
		}
	}
}
