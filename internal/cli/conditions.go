package cli

import (
	"slices"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/spf13/cobra"
)

// conditions are what --min and --where ask of the devices of a kind.
type conditions struct{ min, where []string }

// maxExpression bounds an expression, in characters; the server's own bound is
// the same.
const maxExpression = 1024

func (c *conditions) add(a *app, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&c.min, "min", nil, "each device of a kind has at least this: `KIND.FIELD=Q` (repeatable)")
	f.StringArrayVar(&c.where, "where", nil, "each device of a kind meets this: `KIND:EXPR` (repeatable)")
	_ = cmd.RegisterFlagCompletionFunc("min", completeMin)
	_ = cmd.RegisterFlagCompletionFunc("where", a.completeWhere)
}

// apply adds the conditions to the entries of their kinds. impliedCPU says that
// one compute node is wanted although none is named.
func (c *conditions) apply(begin string, wants []api.Want, impliedCPU bool) ([]api.Want, error) {
	seen := map[string]bool{}
	each := func(flag, kind string, set func(*api.Want)) error {
		asked := func(w api.Want) bool { return w.Kind == kind }
		if kind == "cpu" && impliedCPU && !slices.ContainsFunc(wants, asked) {
			wants = append([]api.Want{{Kind: "cpu", Count: 1}}, wants...)
		}
		if !slices.ContainsFunc(wants, asked) {
			return wrong("%s: %s is about %s devices, and none are asked for", begin, flag, kind).next("ask for some with --%s", kind)
		}
		for i := range wants {
			if asked(wants[i]) {
				set(&wants[i])
			}
		}
		return nil
	}
	for _, text := range c.min {
		kind, field, quantity, err := parseMin(begin, text)
		if err != nil {
			return nil, err
		}
		key := kind + "." + field
		if seen[key] {
			return nil, wrong("%s: --min %s is given twice", begin, key)
		}
		seen[key] = true
		if err := each("--min "+key, kind, func(w *api.Want) {
			if w.Min == nil {
				w.Min = map[string]any{}
			}
			w.Min[field] = quantity
		}); err != nil {
			return nil, err
		}
	}
	for _, text := range c.where {
		kind, expr, err := parseWhere(begin, text)
		if err != nil {
			return nil, err
		}
		if seen[kind] {
			return nil, wrong("%s: --where %s is given twice", begin, kind).next("join the two with &&")
		}
		seen[kind] = true
		if err := each("--where "+kind, kind, func(w *api.Want) { w.Where = expr }); err != nil {
			return nil, err
		}
	}
	return wants, nil
}

// parseMin reads "gpu.memory=40GB". What the quantity means the server says.
func parseMin(begin, text string) (kind, field, quantity string, err error) {
	typed := "--min " + text
	key, quantity, valued := strings.Cut(text, "=")
	kind, field, dotted := strings.Cut(key, ".")
	example := "write KIND.FIELD=QUANTITY, for example gpu.memory=40GB"
	switch {
	case !dotted:
		return "", "", "", wrong("%s: --min %q names no field", begin, abridge(text, 40)).next("%s", example).at(typed, columnAt(typed, len("--min ")+len(key)))
	case !slices.Contains(kinds, kind):
		f := wrong("%s: --min %q: there is no kind %q", begin, abridge(text, 40), abridge(kind, 24)).at(typed, columnAt(typed, len("--min ")))
		if near := nearest(kind, kinds); near != "" {
			return "", "", "", f.next("did you mean %s.%s?", near, abridge(field, 24))
		}
		return "", "", "", f.next("the kinds are %s", strings.Join(kinds, ", "))
	case !slices.Contains(minFields[kind], field):
		f := wrong("%s: --min %q: a %s has no %q", begin, abridge(text, 40), kind, abridge(field, 24)).at(typed, columnAt(typed, len("--min ")+len(kind)+1))
		if near := nearest(field, minFields[kind]); near != "" {
			return "", "", "", f.next("did you mean %s.%s?", kind, near)
		}
		return "", "", "", f.next("of a %s these can be asked for: %s", kind, strings.Join(minFields[kind], ", "))
	case !valued || strings.TrimSpace(quantity) == "":
		return "", "", "", wrong("%s: --min %q says no quantity", begin, abridge(text, 40)).next("%s", example).at(typed, columnAt(typed, len(typed)))
	}
	return kind, field, strings.TrimSpace(quantity), nil
}

// parseWhere reads "gpu:device.memory >= 40*GB". What the expression means the
// server says.
func parseWhere(begin, text string) (kind, expr string, err error) {
	typed := "--where " + text
	kind, expr, ok := strings.Cut(text, ":")
	example := "write KIND:EXPRESSION, for example 'gpu:device.memory >= 40*GB'"
	switch {
	case !ok || !slices.Contains(kinds, kind):
		f := wrong("%s: --where %q does not begin with a kind and a colon", begin, abridge(text, 40)).at(typed, columnAt(typed, len("--where ")))
		if near := nearest(kind, kinds); ok && near != "" {
			return "", "", f.next("did you mean %s:?", near)
		}
		return "", "", f.next("%s", example)
	case strings.TrimSpace(expr) == "":
		return "", "", wrong("%s: --where %s says no condition", begin, kind).next("%s", example).at(typed, columnAt(typed, len(typed)))
	case len([]rune(expr)) > maxExpression:
		return "", "", wrong("%s: the expression of --where %s has %d characters, %d are allowed", begin, kind, len([]rune(expr)), maxExpression)
	}
	return kind, expr, nil
}
