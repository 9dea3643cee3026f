package composa

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// WishFlags writes entries as the command line takes them: "--fabric rack2
// --pool vision --cpu 1 --gpu A100:8 --min gpu.memory=40GB". Empty where it
// cannot say them: min and where hold there for all entries of a kind.
func WishFlags(fabrics []FabricName, pool string, entries []Entry) string {
	var words []string
	if len(fabrics) > 0 {
		words = append(words, "--fabric", inShell(joinAny(fabrics)))
	}
	if pool != "" {
		words = append(words, "--pool", inShell(pool))
	}
	first := map[Kind]*Entry{}
	for i := range entries {
		e := &entries[i]
		words = append(words, "--"+string(e.Kind), inShell(e.what()))
		switch one := first[e.Kind]; {
		case one == nil:
			first[e.Kind] = e
		case !maps.Equal(one.Min, e.Min) || one.Where != e.Where:
			return ""
		}
	}
	for _, k := range Kinds() {
		e := first[k]
		if e == nil {
			continue
		}
		for _, field := range slices.Sorted(maps.Keys(e.Min)) {
			words = append(words, "--min", inShell(fmt.Sprintf("%s.%s=%s", k, field, Quantity(e.Min[field]).Of(field))))
		}
		if e.Where != "" {
			words = append(words, "--where", inShell(string(k)+":"+e.Where))
		}
	}
	return strings.Join(words, " ")
}

// inShell writes a word as a shell takes it.
func inShell(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=@%+", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
