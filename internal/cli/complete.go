package cli

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// Completion asks the server for names. It never waits long and never says that
// something is wrong: then there is just less to complete, or nothing.
const (
	completionWait = time.Second
	// completionMost bounds what is offered; what matters most comes first.
	completionMost = 200
)

type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// offer is one word that completes what was typed.
type offer struct {
	word  string
	about string // for shells that show it; may be empty
	rank  int    // lower ones come first; equal ones in natural order
}

const (
	// ended words are followed by a space, open ones are typed on.
	ended = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	open  = ended | cobra.ShellCompDirectiveNoSpace
)

// offered are the offers that go on where begin ends, as shells take them.
func offered(begin string, offers []offer, how cobra.ShellCompDirective) ([]string, cobra.ShellCompDirective) {
	offers = slices.DeleteFunc(offers, func(o offer) bool { return !strings.HasPrefix(o.word, begin) || clean(o.word) != o.word })
	slices.SortStableFunc(offers, func(x, y offer) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), naturalCompare(x.word, y.word))
	})
	offers = slices.CompactFunc(offers, func(x, y offer) bool { return x.word == y.word })
	if how == open && len(offers) == 1 && offers[0].word == begin {
		offers = nil // it stands there already, and is typed on
	}
	var lines []string
	for _, o := range offers[:min(len(offers), completionMost)] {
		line := o.word
		if o.about != "" {
			line += "\t" + clean(o.about)
		}
		lines = append(lines, line)
	}
	return lines, how
}

// nothing completes nothing, not even names of files.
func nothing(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// words completes fixed words, in their order.
func words(list ...string) completion {
	return func(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
		var offers []offer
		for i, w := range list {
			offers = append(offers, offer{word: w, rank: i})
		}
		return offered(begin, offers, ended)
	}
}

// first completes the first argument only.
func first(complete completion) completion {
	return func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nothing(cmd, args, begin)
		}
		return complete(cmd, args, begin)
	}
}

// asking completes with what a server tells. ask has a second; where it fails,
// what it has by then is offered.
func (a *app) asking(begin string, how cobra.ShellCompDirective, ask func(context.Context, *client.Client) []offer) ([]string, cobra.ShellCompDirective) {
	c, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionWait)
	defer cancel()
	return offered(begin, ask(ctx, c), how)
}

// told collects what a list gives until it fails or its time has passed. It is
// read to its end, or as far as anybody could want to see.
func told[T any](list iter.Seq2[T, error], as func(T) (offer, bool)) []offer {
	var offers []offer
	for item, err := range list {
		if err != nil || len(offers) == 10*completionMost {
			break
		}
		if o, ok := as(item); ok {
			offers = append(offers, o)
		}
	}
	return offers
}
