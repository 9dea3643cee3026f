package cli

import (
	"fmt"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/spf13/cobra"
)

// wantFlags are the flags of the kinds, each of which may be given several
// times: --gpu A100:2 --gpu 1.
type wantFlags map[string]*[]string

func (a *app) addWantFlags(cmd *cobra.Command) wantFlags {
	flags := wantFlags{}
	for _, k := range kinds {
		flags[k] = cmd.Flags().StringArray(k, nil, kindFlags[k])
		_ = cmd.RegisterFlagCompletionFunc(k, a.completeWant(k))
	}
	return flags
}

// wants reads the flags, in table order of kinds. begin starts the messages.
func (f wantFlags) wants(begin string) ([]api.Want, error) {
	wants := []api.Want{}
	for _, k := range kinds {
		for _, text := range *f[k] {
			w, err := parseWant(begin, k, text)
			if err != nil {
				return nil, err
			}
			wants = append(wants, w)
		}
	}
	return wants, nil
}

// countFlagsOf are the flags of the kinds where only a number can be meant.
type countFlagsOf map[string]*[]string

// addCountFlags adds them; what says what one does, with %s for the kind.
func addCountFlags(cmd *cobra.Command, what string) countFlagsOf {
	flags := countFlagsOf{}
	for _, k := range kinds {
		flags[k] = cmd.Flags().StringArray(k, nil, fmt.Sprintf(what, k))
		_ = cmd.RegisterFlagCompletionFunc(k, nothing)
	}
	return flags
}

// counts reads the flags. least is the smallest number that can be meant; named
// says how devices are named to the command.
func (f countFlagsOf) counts(begin string, least int, named func(ids string) string) (map[string]int, error) {
	counts := map[string]int{}
	for _, k := range kinds {
		for i, text := range *f[k] {
			if i > 0 {
				return nil, wrong("%s: --%s is given twice", begin, k)
			}
			if strings.Contains(text, "/") {
				return nil, wrong("%s: --%s takes a number, and %q names devices", begin, k, abridge(text, 40)).next("%s", named(abridge(quote([]string{text}), 60)))
			}
			n, err := parseTotal(begin, k, text, least)
			if err != nil {
				return nil, err
			}
			counts[k] = n
		}
	}
	return counts, nil
}
