package cli

import (
	"fmt"
	"strconv"
	"strings"
)

// parsePlaces reads devices as people name them: "rack1/gpu3,rack1/gpu[4-7]".
// Brackets hold numbers and ranges; what stands before a comma and the slash
// must be said each time. what is the flag or argument, for messages.
func parsePlaces(what, text string) ([]string, error) {
	words, err := splitOutside(what, text)
	if err != nil {
		return nil, err
	}
	var places []string
	for _, w := range words {
		more, err := expand(what, w)
		if err != nil {
			return nil, err
		}
		places = append(places, more...)
		if len(places) > maxCount {
			return nil, wrong("cannot read %s %q: it names more than the %d devices allowed in one machine", what, abridge(text, 40), maxCount)
		}
	}
	return places, nil
}

// parseArguments reads devices as they stand behind a command: in lists with
// commas, with blanks between them, or both.
func parseArguments(args []string) ([]string, error) {
	var places []string
	for i, arg := range args {
		if i+1 < len(args) {
			arg = strings.TrimSuffix(arg, ",")
		}
		more, err := parsePlaces("IDS", arg)
		if err != nil {
			return nil, err
		}
		if places = append(places, more...); len(places) > maxCount {
			return nil, wrong("cannot read IDS: they are more than the %d devices allowed in one machine", maxCount)
		}
	}
	return places, nil
}

// splitOutside splits at the commas that stand outside of brackets.
func splitOutside(what, text string) ([]string, error) {
	var words []string
	start, inside := 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '[' && inside, c == ']' && !inside:
			return nil, unreadable(what, text, "its brackets do not match").at(text, columnAt(text, i))
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case c == ',' && !inside:
			words = append(words, text[start:i])
			start = i + 1
		}
	}
	if inside {
		return nil, unreadable(what, text, "its brackets do not match").at(text, columnAt(text, len(text)))
	}
	return append(words, text[start:]), nil
}

// expand reads one name, which may hold one pair of brackets.
func expand(what, word string) ([]string, error) {
	word = strings.TrimSpace(word)
	head, tail, ranged := strings.Cut(word, "[")
	numbers, tail, _ := strings.Cut(tail, "]")
	if !ranged {
		if err := checkPlace(what, word, word); err != nil {
			return nil, err
		}
		return []string{word}, nil
	}
	if strings.Contains(tail, "[") {
		return nil, unreadable(what, word, "it has more than one pair of brackets")
	}
	if err := checkPlace(what, word, head+"0"+tail); err != nil {
		return nil, err
	}
	var places []string
	for _, part := range strings.Split(numbers, ",") {
		from, to, err := parseRange(what, word, part)
		if err != nil {
			return nil, failureOf(err).at(word, columnAt(word, len(head)+1+strings.Index(numbers, part)))
		}
		if to-from >= maxCount || len(places)+to-from >= maxCount {
			return nil, wrong("cannot read %s %q: it names more than the %d devices allowed in one machine", what, abridge(word, 40), maxCount)
		}
		for n := from; n <= to; n++ {
			places = append(places, fmt.Sprintf("%s%d%s", head, n, tail))
		}
	}
	return places, nil
}

// parseRange reads "4" or "4-7".
func parseRange(what, word, part string) (from, to int, err error) {
	a, b, ranged := strings.Cut(part, "-")
	if !ranged {
		b = a
	}
	from, errA := parseOrdinal(a)
	to, errB := parseOrdinal(b)
	switch {
	case errA != nil || errB != nil:
		return 0, 0, unreadable(what, word, fmt.Sprintf("%q is neither a number nor a range", abridge(part, 24)))
	case from > to:
		return 0, 0, unreadable(what, word, fmt.Sprintf("the range %s runs backwards", part))
	}
	return from, to, nil
}

// parseOrdinal reads the number of a device: digits only, at most six.
func parseOrdinal(s string) (int, error) {
	if len(s) > 6 || len(s) > 1 && s[0] == '0' {
		return 0, strconv.ErrRange
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err
}

// checkPlace refuses what is not FABRIC/DEVICE. word is what was typed, place
// the name that it stands for.
func checkPlace(what, word, place string) error {
	fabric, name, ok := strings.Cut(place, "/")
	switch {
	case word == "":
		return wrong("cannot read %s: a name is empty", what).next("write FABRIC/DEVICE, for example rack1/gpu3")
	case !ok || fabric == "" || name == "" || strings.Contains(name, "/"):
		return unreadable(what, word, "it does not name a device")
	}
	for _, c := range place {
		if c <= ' ' || c == 0x7f || c == ']' || c == '?' || c == '#' || c == '%' {
			return unreadable(what, word, fmt.Sprintf("%q may not stand in the name of a device", string(c))).at(word, columnAt(word, strings.IndexRune(word, c)))
		}
	}
	return nil
}

func unreadable(what, text, why string) *failure {
	return wrong("cannot read %s %q: %s", what, abridge(text, 40), why).
		next("write FABRIC/DEVICE, for example rack1/gpu3 or rack1/gpu[4-7]")
}
