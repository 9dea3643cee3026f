package composa_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/composa-dev/composa"
)

func TestCheckName(t *testing.T) {
	for _, tt := range []struct{ name, input, want string }{
		{"plain", "train", ""},
		{"digits and hyphens", "train-2", ""},
		{"empty", "", `cannot name a machine: the name is empty; use 1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit`},
		{"capital", "Train", `cannot name a machine "Train": "T" may not stand at position 1`},
		{"space", "my machine", `" " may not stand at position 3`},
		{"not ASCII", "ünïcode", `cannot name a machine "ünïcode": "ü" may not stand at position 1`},
		{"dot", "a.b", `"." may not stand at position 2`},
		{"hyphen first", "-a", `"-" may not stand at position 1`},
		{"hyphen last", "a-", `"-" may not stand at position 2`},
		{"longest", strings.Repeat("a", 63), ""},
		{"too long", strings.Repeat("a", 64), `the name has 64 characters, 63 are allowed`},
		{"reserved", "all", `cannot name a machine "all": the name is reserved`},
		{"reserved default", "default", `the name is reserved`},
		{"reserved prefix", "composa-x", `the name is reserved`},
		{"control character", "a\x00b", `"\x00" may not stand at position 2`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := composa.CheckName("machine", tt.input)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("CheckName(%q) = %v, want none", tt.input, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("CheckName(%q) = %v, want %q in it", tt.input, err, tt.want)
			case err != nil && composa.CodeOf(err) != composa.CodeInvalid:
				t.Errorf("CheckName(%q) has code %s, want invalid", tt.input, composa.CodeOf(err))
			}
		})
	}
}

func TestMachineLabelFitsEveryFabric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`).Draw(t, "name")
		id := composa.MachineID(composa.NewID(composa.PrefixMachine))
		label := composa.MachineLabel(name, id)
		if len(label) > 22 || len(label) < 9 {
			t.Fatalf("label %q has %d characters, want 9 to 22", label, len(label))
		}
		if strings.ContainsFunc(label, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", r) }) {
			t.Fatalf("label %q holds more than letters and digits", label)
		}
		if !strings.HasSuffix(label, composa.Short(string(id))) {
			t.Fatalf("label %q does not end with the id's %q", label, composa.Short(string(id)))
		}
	})
}

func TestNaturalOrder(t *testing.T) {
	got := []string{"rack2/gpu1", "rack1/gpu10", "rack1/gpu2", "rack1/gpu", "rack1/gpu02", "rack10/gpu1"}
	slices.SortFunc(got, composa.NaturalCompare)
	want := []string{"rack1/gpu", "rack1/gpu02", "rack1/gpu2", "rack1/gpu10", "rack2/gpu1", "rack10/gpu1"}
	if !slices.Equal(got, want) {
		t.Errorf("order is %v, want %v", got, want)
	}
}

func TestNaturalCompareIsAnOrder(t *testing.T) {
	word := rapid.StringMatching(`[a-c0-3/]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		if composa.NaturalCompare(a, b) != -composa.NaturalCompare(b, a) {
			t.Fatalf("%q and %q are not ordered the same both ways", a, b)
		}
		if (composa.NaturalCompare(a, b) == 0) != (a == b) {
			t.Fatalf("%q and %q compare as equal", a, b)
		}
		if composa.NaturalLess(a, b) && composa.NaturalLess(b, c) && !composa.NaturalLess(a, c) {
			t.Fatalf("%q < %q < %q, but not the first before the last", a, b, c)
		}
	})
}

func TestIDsAreOpaqueAndFresh(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := composa.NewID(composa.PrefixDevice)
		if seen[id] || len(id) != len("dev_")+16 {
			t.Fatalf("id %q is not fresh, or not of the stated length", id)
		}
		seen[id] = true
	}
}

func TestNearly(t *testing.T) {
	names := []string{"train", "render", "eval"}
	for word, want := range map[string]string{"trian": "train", "trai": "train", "rendr": "render", "notebook": "", "": ""} {
		if got := composa.Nearly(word, names); got != want {
			t.Errorf("Nearly(%q) = %q, want %q", word, got, want)
		}
	}
}
