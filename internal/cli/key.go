package cli

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// addKey adds the flag that makes a changing command safe to repeat.
func addKey(cmd *cobra.Command, key *string) {
	filledVar(cmd.Flags(), key, "key", "safe to repeat for a day: with the same `KEY` it is done once")
	_ = cmd.RegisterFlagCompletionFunc("key", nothing)
}

// repeatable gives a command its key that changes something with one call and
// is not about machines.
func (a *app) repeatable(cmd *cobra.Command) *cobra.Command {
	var key string
	addKey(cmd, &key)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkKey(key); err != nil {
			return err
		}
		sent := orDefault(key, rand.Text())
		cmd.SetContext(client.WithKey(cmd.Context(), sent))
		return toldLost(run(cmd, args), a.again(cmd, sent, false))
	}
	return cmd
}

// keyOf is the key of one of several changes. Each has its own, because the
// same key stands for the same request; all follow from the one of the command.
func keyOf(key string, ch change, several bool) string {
	if !several {
		return key
	}
	sum := sha256.Sum256([]byte(ch.plan.Project + "/" + ch.plan.Machine))
	return key + "." + hex.EncodeToString(sum[:8])
}

// again is the command as it was typed, with the key that it was sent with, and
// with the consent where one was given.
func (a *app) again(cmd *cobra.Command, key string, consented bool) string {
	args := slices.Clone(a.args)
	if len(args) == 0 {
		args = strings.Fields(strings.TrimPrefix(cmd.CommandPath(), "composa "))
	}
	var more []string
	if f := cmd.Flags().Lookup("yes"); consented && f != nil && f.Value.String() != "true" {
		more = append(more, "--yes")
	}
	if f := cmd.Flags().Lookup("key"); f != nil && f.Value.String() == "" {
		more = append(more, "--key", key)
	}
	end := slices.Index(args, "--") // flags go before it
	if end < 0 {
		end = len(args)
	}
	return "composa " + quote(slices.Insert(args, end, more...))
}

// toldLost tells of a changing call whose answer was lost that the command may
// be typed again as it says: its key keeps it from being done twice.
func toldLost(err error, again string) error {
	var ce *client.Error
	if !errors.As(err, &ce) || ce.Key == "" {
		return err
	}
	f := failureOf(err).code(exitUnreachable).next("it may have happened: `%s` tells what came of it, and does nothing twice", again)
	f.problem.Retryable = true
	return f
}

// decides says whether an error tells of the request that it cannot be done as
// things are. Then only the call with its key tells whether it was done before.
func decides(err error) bool {
	switch failureOf(err).exit {
	case exitUsage, exitRefused, exitNotFound, exitConflict, exitHeld:
		return true
	}
	return false
}

// filled is a flag that an unset variable must not empty.
type filled struct{ text *string }

func filledVar(flags *pflag.FlagSet, text *string, name, usage string) {
	flags.Var(filled{text}, name, usage)
}

// Set takes a text that says something.
func (f filled) Set(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("it is empty; leave the flag out where nothing is meant")
	}
	*f.text = text
	return nil
}

func (f filled) String() string {
	if f.text == nil {
		return ""
	}
	return *f.text
}

// Type is the word that help shows where the flag's text names none.
func (f filled) Type() string { return "string" }
