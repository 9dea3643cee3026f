package cli

import (
	"context"
	"regexp"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// completeWhere completes KIND: of --where, and the expression behind it.
func (a *app) completeWhere(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	kind, expr, ok := strings.Cut(begin, ":")
	if !ok {
		var offers []offer
		for i, k := range kinds {
			offers = append(offers, offer{word: k + ":", about: "an expression over device", rank: i})
		}
		return offered(begin, offers, open)
	}
	return a.expressionOffers(begin, kind+":", expr)
}

// completeExpression completes an expression alone.
func (a *app) completeExpression(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	return a.expressionOffers(begin, "", begin)
}

// expressionOffers completes the last word of an expression: an attribute, or
// within a text the values of the attribute that is compared with it.
func (a *app) expressionOffers(begin, prefix, expr string) ([]string, cobra.ShellCompDirective) {
	if from := openText(expr); from >= 0 {
		return a.valueOffers(begin, prefix+expr[:from+1], expr[:from], expr[from:from+1])
	}
	at := strings.LastIndexFunc(expr, func(r rune) bool {
		return r != '.' && r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}) + 1
	var offers []offer
	for i, f := range whereFields {
		offers = append(offers, offer{word: prefix + expr[:at] + "device." + f.word, about: f.about, rank: i})
	}
	return offered(begin, offers, open)
}

// openText is where a text begins that does not end, -1 where none does.
func openText(expr string) int {
	from := -1
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case from >= 0 && c == '\\':
			i++
		case from >= 0 && c == expr[from]:
			from = -1
		case from < 0 && (c == '"' || c == '\''):
			from = i
		}
	}
	return from
}

// compared is what stands before a text that an attribute is compared with.
var compared = regexp.MustCompile(`\bdevice\.(\w+)\s*(?:==|!=|in\s*\[(?:[^\[\]]*,)?)\s*$`)

// valueOffers completes a text with the values of the attribute before it, where
// they are known, and closes it.
func (a *app) valueOffers(begin, head, before, quote string) ([]string, cobra.ShellCompDirective) {
	found := compared.FindStringSubmatch(before)
	if found == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	value := func(rank int, text, about string) offer {
		return offer{word: head + text + quote, about: about, rank: rank}
	}
	fixed := func(texts ...string) ([]string, cobra.ShellCompDirective) {
		var offers []offer
		for i, text := range texts {
			offers = append(offers, value(i, text, ""))
		}
		return offered(begin, offers, open)
	}
	switch found[1] {
	case "kind":
		return fixed(kinds...)
	case "health":
		return fixed("ok", "degraded", "failed", "missing")
	case "fabric":
		return a.asking(begin, open, func(ctx context.Context, c *client.Client) []offer {
			return told(c.Fabrics(ctx), func(f api.Fabric) (offer, bool) { return value(0, f.Name, f.State), true })
		})
	case "model":
		return a.asking(begin, open, func(ctx context.Context, c *client.Client) []offer {
			return told(c.Available(ctx, ""), func(v api.Available) (offer, bool) {
				return value(0, v.Model, v.Kind), !strings.ContainsAny(v.Model, quote+"\\")
			})
		})
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
