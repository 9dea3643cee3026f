package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError tells of a flag that cannot be read, and which one may be meant.
// Where the command before it does not exist, it tells of that: a flag that the
// parent lacks may well be one of the command that is meant.
func flagError(cmd *cobra.Command, err error) error {
	if before := cmd.Flags().Args(); cmd.HasSubCommands() && len(before) > 0 {
		if err := cmd.ValidateArgs(before); err != nil {
			return err
		}
	}
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		return wrong("cannot run %s: --%s %s", cmd.CommandPath(), value.GetFlag().Name, refusedValue(value)).next("see `%s --help`", cmd.CommandPath())
	}
	text := err.Error()
	name, unknown := strings.CutPrefix(text, "unknown flag: --")
	if !unknown {
		return wrong("cannot run %s: %s", cmd.CommandPath(), text).next("see `%s --help`", cmd.CommandPath())
	}
	f := wrong("cannot run %s: there is no flag --%s", cmd.CommandPath(), abridge(name, 40))
	if near := nearest(name, flagNames(cmd)); near != "" {
		return f.next("did you mean --%s?", near)
	}
	return f.next("see `%s --help`", cmd.CommandPath())
}

// refusedValue says what a flag takes where that is no text, and else what its
// own type says of what was typed.
func refusedValue(err *pflag.InvalidValueError) string {
	typed := fmt.Sprintf("%q", abridge(err.GetValue(), 40))
	var number *strconv.NumError
	if !errors.As(err, &number) {
		cause := err.Unwrap().Error()
		if strings.HasPrefix(cause, typed+" ") {
			return cause
		}
		return typed + " cannot be taken: " + cause
	}
	takes := "a whole number"
	switch sort := err.GetFlag().Value.Type(); {
	case sort == "bool":
		takes = "true or false"
	case strings.HasPrefix(sort, "float"):
		takes = "a number"
	case strings.HasPrefix(sort, "uint"):
		takes = "a whole number from 0 on"
	}
	if errors.Is(number, strconv.ErrRange) {
		return "takes " + takes + ", and " + typed + " is beyond what it can hold"
	}
	return "takes " + takes + ", not " + typed
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	for _, line := range strings.Split(cmd.Flags().FlagUsages(), "\n") {
		if _, tail, ok := strings.Cut(line, "--"); ok {
			name, _, _ := strings.Cut(tail, " ")
			names = append(names, name)
		}
	}
	return names
}

// asUsage turns the errors of cobra's own, all of them about what was typed,
// into failures with exit code 2.
func asUsage(cmd *cobra.Command, err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	text := err.Error()
	for _, begin := range []string{"unknown command", "required flag", "if any flags in the group", "at least one of the flags", "invalid argument", "unknown help topic"} {
		if strings.HasPrefix(text, begin) {
			return wrong("cannot run %s: %s", cmd.CommandPath(), strings.TrimSpace(strings.SplitN(text, "\n", 2)[0])).
				next("see `%s --help`", cmd.CommandPath())
		}
	}
	return err
}

// oneOf refuses a word that is none of those allowed.
func oneOf(flag, word string, allowed ...string) error {
	if slices.Contains(allowed, word) {
		return nil
	}
	return wrong("cannot read %s %q: it is not one of %s", flag, abridge(word, 40), strings.Join(allowed, ", "))
}

// argsBetween checks the number of arguments. usage says what they are.
func argsBetween(least, most int, usage string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return wrong("cannot run %s: it needs %s", cmd.CommandPath(), usage).next("write `%s`", cmd.UseLine())
		case most >= 0 && len(args) > most:
			return wrong("cannot run %s: it does not take %q", cmd.CommandPath(), abridge(args[most], 40)).next("write `%s`", cmd.UseLine())
		}
		return nil
	}
}

func noArgs(cmd *cobra.Command, args []string) error { return argsBetween(0, 0, "")(cmd, args) }

// noun makes the parent of a noun's verbs.
func noun(use, short string, aliases ...string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Aliases: aliases,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			f := wrong("cannot run %s: there is no command %q", cmd.CommandPath(), abridge(args[0], 40))
			var verbs []string
			for _, c := range cmd.Commands() {
				verbs = append(verbs, c.Name())
			}
			if near := nearest(args[0], verbs); near != "" {
				return f.next("did you mean `%s %s`?", cmd.CommandPath(), near)
			}
			return f.next("its commands are %s", strings.Join(verbs, ", "))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// finishTree gives every command the short help template: without the aliases,
// which are accepted and never printed.
func finishTree(root *cobra.Command) {
	root.SetUsageTemplate(usageTemplate)
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		f := wrong("cannot run composa %s: there is no such command", abridge(args[0], 40))
		var names []string
		for _, c := range cmd.Commands() {
			if c.Runnable() {
				names = append(names, c.Name())
			}
		}
		if near := nearest(args[0], names); near != "" {
			return f.next("did you mean `composa %s`?", near)
		}
		return f.next("see `composa help`")
	}
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.SetHelpCommand(helpCommand(root))
}

// helpCommand shows the help of a command or a topic; one that does not exist
// is an error.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND|TOPIC]",
		Short:   "show the help of a command or a topic",
		GroupID: groupSite,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			cmd, _, err := root.Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return commandNames(cmd), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				f := wrong("cannot show help of %q: there is no such command or topic", abridge(strings.Join(args, " "), 40))
				if near := nearest(args[0], commandNames(root)); near != "" {
					return f.next("did you mean `composa help %s`?", near)
				}
				return f.next("`composa help` lists them")
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// commandNames are the names of what stands under a command, topics too.
func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return names
}

// groupStrays puts the commands that the caller added among those of the site.
func groupStrays(root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.GroupID == "" && c.Runnable() {
			c.GroupID = groupSite
		}
	}
}

const usageTemplate = `Usage:{{if and .Runnable (not .HasAvailableSubCommands)}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{if eq (len .Groups) 0}}

Commands:{{range $cmds}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if not .AllChildCommandsHaveGroup}}

More:{{range $cmds}}{{if (and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasHelpSubCommands}}

Topics (composa help TOPIC):{{range .Commands}}{{if .IsAdditionalHelpTopicCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}
`
