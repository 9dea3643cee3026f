package cli

import (
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) contextCommand() *cobra.Command {
	cmd := noun("context", "save servers, and choose one", "contexts")
	cmd.Long = `Save where servers are and who one is there, and choose the one that commands talk
to. Contexts are kept in $XDG_CONFIG_HOME/composa/contexts.yaml, readable by you
only. A token is sent to the URL that it is saved with, and nowhere else.`
	cmd.AddCommand(a.contextLs(), a.contextShow(), a.contextCreate(), a.contextUse(), a.contextRm())
	return cmd
}

// shownContext is a context without its token.
type shownContext struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Project string `json:"project,omitempty"`
	CA      string `json:"ca,omitempty"`
	Current bool   `json:"current"`
	Token   bool   `json:"token"` // whether one is saved
}

func shown(file *contextsFile, c *Context) shownContext {
	return shownContext{Name: c.Name, URL: c.URL, Project: c.Project, CA: c.CA, Current: file.Current == c.Name, Token: c.Token != ""}
}

var contextTable = table[shownContext]{
	name: func(c shownContext) string { return c.Name },
	columns: []column[shownContext]{
		{name: "name", text: func(c shownContext) string { return c.Name }},
		{name: "current", text: func(c shownContext) string { return yesNo(c.Current) }},
		{name: "url", text: func(c shownContext) string { return c.URL }},
		{name: "project", text: func(c shownContext) string { return c.Project }},
		{name: "token", text: func(c shownContext) string { return savedOrNot(c.Token) }},
		{name: "ca", wide: true, text: func(c shownContext) string { return c.CA }},
	},
}

func savedOrNot(b bool) string {
	if b {
		return "saved"
	}
	return ""
}

func (a *app) contexts() (*contextsFile, error) {
	path, err := ContextsPath(a.getenv)
	if err != nil {
		return nil, err
	}
	return readContexts(path)
}

func (a *app) contextLs() *cobra.Command {
	return &cobra.Command{
		Use:               "ls",
		Aliases:           []string{"list"},
		Short:             "list saved contexts",
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(*cobra.Command, []string) error {
			file, err := a.contexts()
			if err != nil {
				return err
			}
			var list []shownContext
			for i := range file.Contexts {
				list = append(list, shown(file, &file.Contexts[i]))
			}
			sortNaturally(list, func(c shownContext) string { return c.Name })
			return printList(a, contextTable, "contexts", list)
		},
	}
}

func (a *app) contextShow() *cobra.Command {
	return &cobra.Command{
		Use:               "show [NAME]",
		Aliases:           []string{"get"},
		Short:             "show a context; the current one unless named",
		Args:              argsBetween(0, 1, "a context"),
		ValidArgsFunction: a.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := a.contexts()
			if err != nil {
				return err
			}
			name := file.Current
			if len(args) == 1 {
				name = args[0]
			}
			if name == "" {
				return fail("not_found", "cannot show the current context: none is current").next("choose one with `composa context use NAME`")
			}
			c, err := file.named(name)
			if err != nil {
				return err
			}
			return a.showContext(shown(file, c))
		},
	}
}

func (a *app) showContext(c shownContext) error {
	return printOne(a, contextTable, c, func(io.Writer) error {
		return a.printDetails([]detail{{"name", c.Name}, {"url", c.URL}, {"project", c.Project}, {"ca", c.CA}, {"token", savedOrNot(c.Token)}, {"current", yesNo(c.Current)}}, "")
	})
}

func (a *app) contextCreate() *cobra.Command {
	var (
		c         Context
		tokenFile string
		use       bool
	)
	cmd := &cobra.Command{
		Use:     "create NAME --url URL",
		Aliases: []string{"add"},
		Short:   "save a context",
		Long: `Save where a server is and who one is there. It becomes the current context if
there is none, or with --use. The token is read from a file, or from standard
input with --token-file -, so that it does not show among the processes.`,
		Example:           `  composa context create lab --url https://composa.lab:7080 --token-file token --ca lab-ca.pem`,
		Args:              argsBetween(1, 1, "a name for the context"),
		ValidArgsFunction: nothing,
		RunE: func(_ *cobra.Command, args []string) error {
			c.Name = args[0]
			return a.createContext(c, tokenFile, use)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.URL, "url", "", "the server is at `URL`")
	f.StringVar(&tokenFile, "token-file", "", "read the token from `FILE` (-: standard input)")
	f.StringVar(&c.CA, "ca", "", "trust the authorities in PEM `FILE` there")
	f.BoolVar(&use, "use", false, "make it the current one")
	return cmd
}

func (a *app) createContext(c Context, tokenFile string, use bool) error {
	if err := checkContextName(c.Name); err != nil {
		return err
	}
	if c.URL == "" {
		return wrong("cannot create context %q: --url is missing", c.Name).next("write --url http://127.0.0.1:7080, for example")
	}
	url, err := checkURL(c.URL)
	if err != nil {
		return wrong("cannot create context %q: %v", c.Name, err)
	}
	c.URL = url
	if c.Project = a.flags.project; c.Project != "" {
		if err := checkProject(c.Project); err != nil {
			return err
		}
	}
	if c.CA != "" {
		if c.CA, err = filepath.Abs(c.CA); err != nil {
			return wrong("cannot use --ca: %v", err)
		}
	}
	switch tokenFile {
	case "":
	case "-":
		if c.Token, err = readToken("standard input", a.in); err != nil {
			return err
		}
	default:
		if c.Token, err = readTokenFile("--token-file", tokenFile); err != nil {
			return err
		}
	}
	if err := checkContext(c); err != nil {
		return err
	}
	var after contextsFile
	err = changeContexts(a.getenv, func(file *contextsFile) error {
		if file.find(c.Name) != nil {
			return fail("exists", "cannot create context %q: there is one of that name", c.Name).next("remove it first: composa context rm %s", c.Name)
		}
		file.put(c)
		if use || file.Current == "" {
			file.Current = c.Name
		}
		after = *file
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.showContext(shown(&after, &c)); err != nil {
		return err
	}
	if after.Current != c.Name {
		a.say("your current context stays %s; --use changes that, or now `composa context use %s`", after.Current, c.Name)
	}
	return nil
}

func (a *app) contextUse() *cobra.Command {
	return &cobra.Command{
		Use:               "use NAME",
		Short:             "make a context the current one",
		Args:              argsBetween(1, 1, "a context"),
		ValidArgsFunction: a.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			url := ""
			err := changeContexts(a.getenv, func(file *contextsFile) error {
				c, err := file.named(args[0])
				if err != nil {
					return err
				}
				file.Current, url = c.Name, c.URL
				return nil
			})
			if err != nil {
				return err
			}
			a.say("commands now talk to %s", url)
			return nil
		},
	}
}

func (a *app) contextRm() *cobra.Command {
	return &cobra.Command{
		Use:               "rm NAME",
		Aliases:           []string{"delete"},
		Short:             "forget a context, and its token",
		Args:              argsBetween(1, 1, "a context"),
		ValidArgsFunction: a.completeContexts,
		RunE: func(_ *cobra.Command, args []string) error {
			var after contextsFile
			err := changeContexts(a.getenv, func(file *contextsFile) error {
				if _, err := file.named(args[0]); err != nil {
					return err
				}
				file.remove(args[0])
				after = *file
				return nil
			})
			if err != nil {
				return err
			}
			a.say("forgot context %s", args[0])
			if after.Current == "" && len(after.Contexts) > 0 {
				a.say("no context is current now; saved are %s", strings.Join(after.names(), ", "))
			}
			return nil
		},
	}
}

// readToken reads a token from a stream.
func readToken(what string, r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxTokenFile+1))
	token := strings.TrimSpace(string(data))
	switch {
	case err != nil:
		return "", wrong("cannot read the token from %s: %v", what, err)
	case len(data) > maxTokenFile:
		return "", wrong("cannot read the token from %s: it has more than the %d bytes allowed", what, maxTokenFile)
	case token == "":
		return "", wrong("cannot read the token from %s: it is empty", what)
	}
	return token, nil
}
