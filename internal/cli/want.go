package cli

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/composa-dev/composa/api"
)

// parseWant reads what --gpu and the like take: "4", "A100:4" (any part of the
// model's name), ids ("rack1/gpu3,rack1/gpu[4-7]"), or for a cpu
// "ipmi=192.0.2.12". begin starts the messages: `cannot compose "train"`.
func parseWant(begin, kind, text string) (api.Want, error) {
	w := api.Want{Kind: kind}
	text = strings.TrimSpace(text)
	typed := "--" + kind + " " + text
	start := len(typed) - len(text)
	if address, ok := strings.CutPrefix(text, "ipmi="); ok {
		return parseIPMI(begin, kind, address)
	}
	if n, ok, err := parseCount(begin, kind, text); ok || err != nil {
		w.Count = n
		return w, err
	}
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		model := strings.TrimSpace(text[:i])
		n, ok, err := parseCount(begin, kind, text[i+1:])
		switch {
		case err != nil:
			return w, err
		case !ok:
			return w, wrong("%s: --%s %q has no count behind the colon", begin, kind, abridge(text, 40)).next("write %s:1, for example", modelOr(model)).at(typed, columnAt(typed, start+i+1))
		case model == "":
			return w, wrong("%s: --%s %q has no model before the colon", begin, kind, abridge(text, 40)).next("write --%s %d for any model", kind, n).at(typed, columnAt(typed, start))
		}
		w.Model, w.Count = model, n
		return w, nil
	}
	if strings.Contains(text, "/") {
		ids, err := parsePlaces("--"+kind, text)
		w.IDs, w.Count = ids, len(ids)
		return w, err
	}
	return w, notAWant(begin, kind, text).at(typed, columnAt(typed, start))
}

func modelOr(model string) string {
	if model == "" {
		return "A100"
	}
	return abridge(model, 24)
}

// parseCount reads a whole number; ok is false where it is none. What is larger
// than any limit is an error.
func parseCount(begin, kind, text string) (n int, ok bool, err error) {
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false, nil
	}
	n, err = strconv.Atoi(text)
	if err != nil {
		return 0, false, wrong("%s: %s %s devices are more than the %d allowed in one machine", begin, abridge(text, 24), kind, maxCount)
	}
	return n, true, checkWant(begin, api.Want{Kind: kind, Count: n})
}

func parseIPMI(begin, kind, address string) (api.Want, error) {
	w := api.Want{Kind: kind, IPMI: address, Count: 1}
	if kind != "cpu" {
		return w, wrong("%s: ipmi chooses a cpu, not a %s", begin, kind)
	}
	if _, err := netip.ParseAddr(address); err != nil {
		return w, wrong("%s: %q is not an IP address", begin, abridge(address, 40)).next("write --cpu ipmi=ADDRESS, as `composa device ls --kind cpu -o wide` shows it")
	}
	return w, nil
}

// notAWant says what a word that is neither count, model nor ids may have meant.
func notAWant(begin, kind, text string) *failure {
	f := wrong("%s: --%s %q is neither a count, MODEL:COUNT nor ids", begin, kind, abridge(text, 40))
	_, isPart := strings.CutPrefix(strings.ToLower(text), kind)
	switch {
	case text == "":
		return f.next("write --%s 1, for example", kind)
	case isPart:
		return f.next("name the fabric too, for example --%s rack1/%s", kind, abridge(text, 24))
	}
	return f.next("for one of that model write --%s %s:1", kind, abridge(text, 24))
}

// parseTotal reads a number of devices of a kind, from least on.
func parseTotal(begin, kind, text string, least int) (int, error) {
	text = strings.TrimSpace(text)
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, wrong("%s: --%s %q is not a number", begin, kind, abridge(text, 40)).next("write --%s 2, for example", kind)
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil && text[0] != '-', n > maxCount:
		return 0, wrong("%s: %s %s devices are more than the %d allowed in one machine", begin, abridge(text, 24), kind, maxCount)
	case err != nil, n < least:
		return 0, wrong("%s: %s is not a count of %s devices", begin, abridge(text, 24), kind).next("ask for %d or more, or leave %s out", least, kind)
	}
	return n, nil
}
