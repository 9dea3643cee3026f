package liqid

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// era is a line of director software that is emulated, or a set of them
// (liqid-api.md 0.2). All speak under the same prefix; they differ in routes,
// records and rules (liqid-api.md 4 and 6.2).
type era uint8

const (
	era24 era = 1 << iota
	era25
	era32
	era34

	line2  = era24 | era25
	line3  = era32 | era34
	from25 = era25 | line3
)

var eraNames = []struct {
	name string
	era  era
}{{"2.4", era24}, {"2.5", era25}, {"3.2", era32}, {"3.4", era34}}

// Eras lists the eras that can be emulated, oldest first: the values of
// Config.API.
func Eras() []string {
	var names []string
	for _, e := range eraNames {
		names = append(names, e.name)
	}
	return names
}

// parseEra reads a value of Config.API.
func parseEra(name string) (era, error) {
	for _, e := range eraNames {
		if e.name == name {
			return e.era, nil
		}
	}
	return 0, fmt.Errorf("API era %q is not emulated; there are: %s", name, strings.Join(Eras(), ", "))
}

// in says whether one era is among several.
func (e era) in(set era) bool { return e&set != 0 }

// shown leaves out the parts that directors of the era do not know.
func (e era) shown(parts []*part) []*part {
	return slices.DeleteFunc(parts, func(p *part) bool { return p.Kind == Memory && !e.in(line3) })
}

// classes are those that the era knows.
func (e era) classes() []Class {
	if e.in(line3) {
		return append(slices.Clip(classes), ClassMemory)
	}
	return classes
}

// number is how records write one era's version: 340 for 3.4.
func (e era) number() int {
	n, _ := strconv.Atoi(strings.ReplaceAll(e.String(), ".", ""))
	return n * 10
}

// String is the era's name, or the names of several.
func (e era) String() string {
	var names []string
	for _, n := range eraNames {
		if n.era.in(e) {
			names = append(names, n.name)
		}
	}
	return strings.Join(slices.Compact(names), ", ")
}
