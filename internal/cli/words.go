package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/composa-dev/composa/api"
)

// emulatedMark follows what is pretend hardware, wherever it is shown.
const emulatedMark = " (emulated)"

// marked writes a name, with the mark where it is emulated.
func marked(name string, emulated bool) string {
	if emulated && name != "" {
		return name + emulatedMark
	}
	return name
}

// labelsText writes labels as they are given: "team=vision,use=train".
func labelsText(labels map[string]string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, k+"="+labels[k])
	}
	return strings.Join(pairs, ",")
}

// momentText writes a moment in RFC 3339 and UTC; the zero moment is empty.
func momentText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func optionalMoment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return momentText(*t)
}

// yesNo writes a truth for a table.
func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// bytesText writes bytes for people: "40 GiB" of memory. 0 is not known: empty.
func bytesText(n int64) string {
	return scaled(n, 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"})
}

// sizeText writes the bytes of a drive as drives are sold: "960 GB".
func sizeText(n int64) string {
	return scaled(n, 1000, []string{"B", "KB", "MB", "GB", "TB", "PB"})
}

// speedText writes bits per second: "100 Gb/s".
func speedText(n int64) string {
	return scaled(n, 1000, []string{"b/s", "Kb/s", "Mb/s", "Gb/s", "Tb/s"})
}

func scaled(n, step int64, names []string) string {
	if n <= 0 {
		return ""
	}
	value, i := float64(n), 0
	for value >= float64(step) && i < len(names)-1 {
		value /= float64(step)
		i++
	}
	text := strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0")
	return text + " " + names[i]
}

// numberText writes a number; 0 is empty.
func numberText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// devicesText counts devices by kind and model: "1 cpu, 4 gpu A100, 2 ssd (1
// P4510, 1 P5510)".
func devicesText(devices []api.MachineDevice) string {
	all := map[string]int{}
	models := map[string]map[string]int{}
	for _, d := range devices {
		all[d.Kind]++
		if models[d.Kind] == nil {
			models[d.Kind] = map[string]int{}
		}
		models[d.Kind][d.Model]++
	}
	var words []string
	for _, kind := range sortedKinds(all) {
		words = append(words, strings.TrimSpace(fmt.Sprintf("%d %s %s", all[kind], kind, modelsText(models[kind]))))
	}
	return strings.Join(words, ", ")
}

// modelsText is the one model there is, or how many there are of each.
func modelsText(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), naturalCompare)
	if len(names) == 1 {
		return names[0]
	}
	var words []string
	for _, name := range names {
		words = append(words, fmt.Sprintf("%d %s", counts[name], orDefault(name, "unknown")))
	}
	return "(" + strings.Join(words, ", ") + ")"
}

// placesText lists the places of devices in natural order.
func placesText(devices []api.MachineDevice) string {
	var places []string
	for _, d := range devices {
		places = append(places, d.Place)
	}
	sortNaturally(places, func(p string) string { return p })
	return strings.Join(places, ", ")
}

// conditionFlags writes what a want asks of each device as it is typed.
func conditionFlags(w api.Want) []string {
	var words []string
	for _, field := range slices.Sorted(maps.Keys(w.Min)) {
		words = append(words, fmt.Sprintf("--min %s.%s=%v", w.Kind, field, quantityText(w.Min[field])))
	}
	if w.Where != "" {
		words = append(words, "--where "+quote([]string{w.Kind + ":" + w.Where}))
	}
	return words
}

// quantityText writes a number without an exponent, and a text as it is.
func quantityText(v any) string {
	if n, ok := v.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// wantText writes a want as it is typed: "4", "A100:4", ids, "ipmi=192.0.2.12".
func wantText(w api.Want) string {
	switch {
	case len(w.IDs) > 0:
		return strings.Join(w.IDs, ",")
	case w.IPMI != "":
		return "ipmi=" + w.IPMI
	case w.Model != "":
		return fmt.Sprintf("%s:%d", w.Model, w.Count)
	}
	return fmt.Sprint(w.Count)
}
