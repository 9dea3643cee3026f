package cli

import (
	"context"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Config is what the command line needs of its surroundings; every field may be
// left out.
type Config struct {
	Version string    // of this program; empty: "unknown"
	In      io.Reader // nil: standard input
	Out     io.Writer // nil: standard output
	Err     io.Writer // nil: standard error
	// Getenv reads the environment; nil: os.Getenv.
	Getenv func(string) string
	// Clock tells the time; nil: time.Now.
	Clock func() time.Time
	// HTTP makes the connections; nil: the client's own.
	HTTP *http.Client
	// Terminal says whether a stream is a terminal, how many characters wide and
	// how many lines high (0: not known); nil: the system is asked.
	Terminal func(stream any) (width, height int, ok bool)
	// LocalToken makes a token in the data folder of a server that does not run,
	// and says of which site that is; nil: token create has no --local.
	LocalToken func(ctx context.Context, t LocalToken) (made *api.Token, site string, err error)
	// Run becomes another program, found in PATH: ssh. It does not return where
	// the system can replace a process. nil: the system is asked.
	Run func(ctx context.Context, program string, args []string) error
}

// app is one run of the command line.
type app struct {
	version  string
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	clock    func() time.Time
	http     *http.Client
	terminal func(any) (int, int, bool)
	run      func(context.Context, string, []string) error
	local    func(context.Context, LocalToken) (*api.Token, string, error)
	flags    globalFlags
	format   format
	signals  *signals
	retrying retrying
	args     []string // as typed, without the program's name

	client   *client.Client // nil until connect
	server   *server        // nil until connect
	siteSeen *api.Site      // nil until site
}

// globalFlags are those of every command.
type globalFlags struct {
	output, columns, context, project, color, progress string
	quiet                                              bool
}

// New makes the tree of commands. The caller may add its own to it; [Main] runs
// it.
func New(c Config) *cobra.Command {
	a := &app{
		version: orDefault(c.Version, "unknown"), in: c.In, out: c.Out, err: c.Err, getenv: c.Getenv,
		clock: c.Clock, http: c.HTTP, terminal: c.Terminal, run: c.Run, local: c.LocalToken, signals: &signals{},
	}
	a.fillIn()
	root := &cobra.Command{
		Use:           "composa",
		Short:         "compose machines out of racks of composable hardware",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.readGlobalFlags()
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetContext(context.WithValue(context.Background(), appKey{}, a))
	a.addGlobalFlags(root)
	a.addCommands(root)
	addExamples(root)
	finishTree(root)
	return root
}

// appKey is where a tree of commands carries its app.
type appKey struct{}

func (a *app) fillIn() {
	if a.in == nil {
		a.in = os.Stdin
	}
	if a.out == nil {
		a.out = os.Stdout
	}
	if a.err == nil {
		a.err = os.Stderr
	}
	if a.getenv == nil {
		a.getenv = os.Getenv
	}
	if a.clock == nil {
		a.clock = time.Now
	}
	if a.terminal == nil {
		a.terminal = systemTerminal
	}
	if a.run == nil {
		a.run = become
	}
}

func systemTerminal(stream any) (width, height int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, 0, false
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0, true
	}
	return width, height, true
}

func (a *app) addGlobalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVarP(&a.flags.output, "output", "o", "", "print results as `FORMAT`: table, wide, json, yaml, jsonl or name")
	f.StringVar(&a.flags.columns, "columns", "", "show these columns of a table: `A,B`")
	f.StringVar(&a.flags.context, "context", "", "use the saved context `NAME`")
	f.StringVar(&a.flags.project, "project", "", "project `NAME`, in place of the context's")
	f.StringVar(&a.flags.color, "color", "auto", "`WHEN` to use colours: auto, always or never")
	f.StringVar(&a.flags.progress, "progress", "auto", "`HOW` to show the progress of operations: auto, plain or none")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "print results and errors only")
	root.SetFlagErrorFunc(flagError)
	_ = root.RegisterFlagCompletionFunc("output", words(formatNames...))
	_ = root.RegisterFlagCompletionFunc("color", words("auto", "always", "never"))
	_ = root.RegisterFlagCompletionFunc("progress", words("auto", "plain", "none"))
	_ = root.RegisterFlagCompletionFunc("columns", completeColumns)
	_ = root.RegisterFlagCompletionFunc("context", a.completeContexts)
	_ = root.RegisterFlagCompletionFunc("project", a.completeProjects)
}

func (a *app) readGlobalFlags() error {
	var err error
	if a.format, err = parseFormat(a.flags.output); err != nil {
		return err
	}
	if err := oneOf("--color", a.flags.color, "auto", "always", "never"); err != nil {
		return err
	}
	return oneOf("--progress", a.flags.progress, "auto", "plain", "none")
}

// The groups under which help lists the commands.
const (
	groupMachines = "machines"
	groupThings   = "things"
	groupSite     = "site"
)

func (a *app) addCommands(root *cobra.Command) {
	root.AddGroup(
		&cobra.Group{ID: groupMachines, Title: "Machines:"},
		&cobra.Group{ID: groupThings, Title: "Things:"},
		&cobra.Group{ID: groupSite, Title: "The site, and this program:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupMachines, a.machineVerbs()...)
	add(groupMachines, a.applyCommand(), a.explainCommand(), a.sshCommand())
	add(groupThings, a.machineCommand(), a.deviceCommand(), a.fabricCommand(), a.poolCommand(),
		a.operationCommand(), a.eventCommand(), a.userCommand(), a.tokenCommand(), a.contextCommand())
	add(groupSite, a.statusCommand(), a.availableCommand(), a.watchCommand(), a.whoamiCommand(), a.completionCommand(), a.versionCommand())
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(helpTopics()...)
}

// machineVerbs are the commands that change machines; they exist at the top and
// under machine.
func (a *app) machineVerbs() []*cobra.Command {
	return []*cobra.Command{
		a.composeCommand(), a.freeCommand(), a.plugCommand(), a.unplugCommand(), a.reshapeCommand(), a.moveCommand(),
	}
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
