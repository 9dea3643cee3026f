// Command bench runs every benchmark of the module, prints a table and writes
// bench.json: a list of {name, value, unit, target, ok}.
//
// A benchmark that has something to reach reports it as a metric of its own
// beside the value: the unit "most:UNIT" holds the most that UNIT may be, and
// "least:UNIT" the least (internal/measure). Ratios are of two things measured in
// turn in one run, because machines are noisy; nothing here fails a test.
//
// Other languages measure too: -also names a program that prints its figures in
// the same format.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"text/tabwriter"
)

// figure is one line of bench.json.
type figure struct {
	Name   string   `json:"name"`
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"`
	Target *float64 `json:"target"` // the most, or least, that is good; null where nothing is promised
	OK     bool     `json:"ok"`
}

func main() {
	pattern := flag.String("bench", ".", "which benchmarks, a `regexp`")
	out := flag.String("o", "bench.json", "`file` to write")
	also := flag.String("also", "", "a `command`, words between spaces, that prints more figures as go test -bench does")
	flag.Parse()
	commands := [][]string{{"go", "test", "-timeout", "0", "-run", "^$", "-bench", *pattern, "-benchmem", "./..."}}
	if *also != "" {
		commands = append(commands, strings.Fields(*also))
	}
	if err := run(commands, *out); err != nil {
		fmt.Fprintln(os.Stderr, "cannot measure:", err)
		os.Exit(1)
	}
}

// run measures with each command and writes all figures. Where one fails the
// others are measured and written all the same.
func run(commands [][]string, out string) error {
	figures := []figure{}
	var failed error
	for _, words := range commands {
		found, err := measured(words)
		figures = append(figures, found...)
		failed = errors.Join(failed, err)
	}
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := table(os.Stdout, figures); err != nil {
		return err
	}
	return failed
}

// measured runs one command and returns the figures that it printed, also where
// it failed.
func measured(words []string) ([]figure, error) {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	figures, err := read(pipe)
	if ended := cmd.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("%s: %w", strings.Join(words, " "), ended))
	}
	return figures, err
}

// read turns the output of a measuring command into figures.
func read(r io.Reader) ([]figure, error) {
	figures := []figure{}
	pkg := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "--- FAIL") || strings.Contains(line, "_test.go:") {
			fmt.Fprintln(os.Stderr, line)
		}
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = strings.TrimPrefix(name, "github.com/composa-dev/composa/")
			fmt.Fprintln(os.Stderr, "measuring", pkg, "…")
		}
		figures = append(figures, parse(pkg, line)...)
	}
	return figures, lines.Err()
}

// parse reads one line: "BenchmarkX-2  100  12.5 ns/op  3 ratio  1.1 most:ratio".
func parse(pkg, line string) []figure {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return nil
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), "-")
	mosts, leasts := map[string]float64{}, map[string]float64{}
	var out []figure
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return out
		}
		if unit, is := strings.CutPrefix(fields[i+1], "most:"); is {
			mosts[unit] = value
			continue
		}
		if unit, is := strings.CutPrefix(fields[i+1], "least:"); is {
			leasts[unit] = value
			continue
		}
		out = append(out, figure{Name: pkg + "." + name, Value: value, Unit: fields[i+1], OK: true})
	}
	for i := range out {
		if most, has := mosts[out[i].Unit]; has {
			out[i].Target, out[i].OK = &most, out[i].Value <= most
		}
		if least, has := leasts[out[i].Unit]; has {
			out[i].Target, out[i].OK = &least, out[i].Value >= least
		}
	}
	return out
}

func table(w io.Writer, figures []figure) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVALUE\tUNIT\tTARGET\tOK")
	for _, f := range figures {
		target := "-"
		if f.Target != nil {
			target = fmt.Sprint(*f.Target)
		}
		fmt.Fprintf(t, "%s\t%.4g\t%s\t%s\t%t\n", f.Name, f.Value, f.Unit, target, f.OK)
	}
	return t.Flush()
}
