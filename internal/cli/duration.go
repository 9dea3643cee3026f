package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// duration is a flag that takes "90s", "90m", "8h", "2d" or "1w", and sums of
// them ("1h30m").
type duration struct {
	value time.Duration
	set   bool
}

// Set reads the flag.
func (d *duration) Set(text string) error {
	value, err := parseDuration(text)
	if err != nil {
		return err
	}
	d.value, d.set = value, true
	return nil
}

// String is empty until the flag was given.
func (d *duration) String() string {
	if !d.set {
		return ""
	}
	return d.value.String()
}

// Type names the value in help.
func (d *duration) Type() string { return "D" }

var units = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute,
	"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

func parseDuration(text string) (time.Duration, error) {
	bad := func() (time.Duration, error) {
		return 0, fmt.Errorf("%q is not a duration: write a number and s, m, h, d or w, for example 90m or 2d", abridge(text, 24))
	}
	if text == "0" {
		return 0, nil
	}
	rest := text
	var sum float64
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		number, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil {
			return bad()
		}
		rest = rest[digits:]
		letters := len(rest) - len(strings.TrimLeft(rest, "mshdw"))
		unit, ok := units[rest[:letters]]
		if !ok {
			return bad()
		}
		rest = rest[letters:]
		sum += number * float64(unit)
	}
	if text == "" {
		return bad()
	}
	if sum > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is longer than can be counted", abridge(text, 24))
	}
	return time.Duration(sum), nil
}

// secondsText writes seconds for people: "20 ms", "0.4 s", "14 s", "3 min 20 s",
// "2 h 5 min".
func secondsText(seconds float64) string {
	switch {
	case seconds <= 0:
		return "0 s"
	case seconds < 0.0995:
		return fmt.Sprintf("%.0f ms", math.Max(1, seconds*1000))
	case seconds < 9.95:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + " s"
	case seconds < 99.5:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 3600:
		return fmt.Sprintf("%d min %d s", int(seconds)/60, int(seconds)%60)
	}
	return fmt.Sprintf("%d h %d min", int(seconds)/3600, int(seconds)%3600/60)
}
