package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// format is how results are printed.
type format string

const (
	formatPlain format = "" // what suits people: a table, or words
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
	formatJSONL format = "jsonl"
	formatName  format = "name"
)

var formatNames = []string{"table", "wide", "json", "yaml", "jsonl", "name"}

func parseFormat(s string) (format, error) {
	if s == "" || slices.Contains(formatNames, s) {
		return format(s), nil
	}
	return "", wrong("cannot read --output %q: it is not one of %s", abridge(s, 40), strings.Join(formatNames, ", "))
}

// printList prints a list in the format that was asked for. noun is what it is
// of, for the message that there is nothing.
func printList[T any](a *app, t table[T], noun string, items []T) error {
	if items == nil {
		items = []T{}
	}
	switch a.format {
	case formatJSON, formatYAML:
		return a.printValue(items)
	case formatJSONL:
		for _, item := range items {
			if err := a.printLine(item); err != nil {
				return err
			}
		}
		return nil
	case formatName:
		for _, item := range items {
			if err := a.write([]byte(clean(t.name(item)) + "\n")); err != nil {
				return err
			}
		}
		return nil
	}
	columns, err := t.choose(a.flags.columns, a.format == formatWide)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		a.say("no %s", noun)
		return nil
	}
	return a.printTable(headers(columns), rows(columns, items))
}

// printOne prints one thing in the format that was asked for; words prints it
// for people.
func printOne[T any](a *app, t table[T], item T, words func(w io.Writer) error) error {
	switch {
	case a.format == formatJSON || a.format == formatYAML:
		return a.printValue(item)
	case a.format == formatJSONL:
		return a.printLine(item)
	case a.format == formatPlain && a.flags.columns == "":
		return words(a.out)
	}
	return printList(a, t, "", []T{item})
}

// printValue prints a value as JSON or YAML.
func (a *app) printValue(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fail("internal", "cannot print the result: %v", err)
	}
	data := b.Bytes()
	if a.format == formatYAML {
		var err error
		if data, err = yamlOf(data); err != nil {
			return fail("internal", "cannot print the result: %v", err)
		}
	}
	return a.write(escaped(data))
}

// printLine prints a value as one line of JSON.
func (a *app) printLine(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fail("internal", "cannot print the result: %v", err)
	}
	return a.write(escaped(b.Bytes()))
}

// write prints results on standard output.
func (a *app) write(data []byte) error {
	if _, err := io.WriteString(a.out, guarded(string(data))); err != nil {
		return fail("failed", "cannot print the result: %v", err)
	}
	return nil
}

// structured says whether results are for programs.
func (f format) structured() bool {
	return f == formatJSON || f == formatYAML || f == formatJSONL
}

// say prints a message for people, on standard error; not with -q.
func (a *app) say(format string, args ...any) {
	if a.flags.quiet {
		return
	}
	a.tell(clean(fmt.Sprintf(format, args...)) + "\n")
}

// tell prints what is no result on standard error.
func (a *app) tell(text string) {
	_, _ = io.WriteString(a.err, guarded(text)) // there is nobody left to tell
}
