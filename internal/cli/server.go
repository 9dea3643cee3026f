package cli

import (
	"context"
	"os"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
)

// server is the one that a command talks to.
type server struct {
	url     string
	token   string
	ca      string // path of a PEM file
	context string // name of the context it was taken from; empty: the environment
	project string // to use where none is named; empty: not said
}

// text is where the server is, and how that was said.
func (s *server) text() string {
	if s.context == "" {
		return s.url
	}
	return s.url + " (context " + s.context + ")"
}

// chooseServer says which server: the --context flag, then the environment, then
// the current context. A token goes only to the URL that it was saved with or
// stands beside.
func chooseServer(getenv func(string) string, flag string) (*server, error) {
	path, err := ContextsPath(getenv)
	envURL := getenv("COMPOSA_URL")
	if err != nil && envURL != "" && flag == "" {
		return fromEnvironment(getenv, &contextsFile{})
	}
	if err != nil {
		return nil, err
	}
	file, err := readContexts(path)
	if err != nil {
		return nil, err
	}
	name := flag
	switch {
	case flag != "":
	case envURL != "":
		return fromEnvironment(getenv, file)
	case getenv("COMPOSA_TOKEN") != "" || getenv("COMPOSA_TOKEN_FILE") != "":
		return nil, wrong("cannot choose a server: a token is in the environment and COMPOSA_URL is not").
			next("set COMPOSA_URL to the server that the token is for, or unset the token to use a context")
	case getenv("COMPOSA_CONTEXT") != "":
		name = getenv("COMPOSA_CONTEXT")
	case file.Current != "":
		name = file.Current
	default:
		return nil, noServer(file)
	}
	c, err := file.named(name)
	if err != nil {
		return nil, err
	}
	return &server{url: c.URL, token: c.Token, ca: c.CA, context: c.Name, project: c.Project}, nil
}

func noServer(file *contextsFile) error {
	f := wrong("cannot choose a server: COMPOSA_URL is not set and no context is saved")
	if len(file.Contexts) == 0 {
		return f.next("start one with `composa demo`, or save where yours is with `composa context create NAME --url URL --token-file FILE`")
	}
	return wrong("cannot choose a server: COMPOSA_URL is not set and no context is current").
		next("choose one with `composa context use NAME`; saved are %s", strings.Join(file.names(), ", "))
}

// fromEnvironment takes the server that COMPOSA_URL names. Without a token
// beside it, the one is taken that is saved with the same URL.
func fromEnvironment(getenv func(string) string, file *contextsFile) (*server, error) {
	url, err := checkURL(getenv("COMPOSA_URL"))
	if err != nil {
		return nil, wrong("cannot use COMPOSA_URL: %v", err)
	}
	if name := getenv("COMPOSA_CONTEXT"); name != "" {
		return nil, wrong("cannot choose a server: COMPOSA_URL says %s and COMPOSA_CONTEXT says %q", url, abridge(name, 40)).next("unset one of the two")
	}
	s := &server{url: url, ca: getenv("COMPOSA_CA")}
	switch token, path := getenv("COMPOSA_TOKEN"), getenv("COMPOSA_TOKEN_FILE"); {
	case token != "":
		s.token = strings.TrimSpace(token)
		return s, nil
	case path != "":
		s.token, err = readTokenFile("COMPOSA_TOKEN_FILE", path)
		return s, err
	}
	for _, c := range file.Contexts {
		if same, err := checkURL(c.URL); err == nil && same == url {
			s.token, s.context, s.project = c.Token, c.Name, c.Project
			if s.ca == "" {
				s.ca = c.CA
			}
			return s, nil
		}
	}
	return s, nil
}

// maxTokenFile bounds what is read of a file with a token, in bytes.
const maxTokenFile = 4096

// readTokenFile reads a token; what names the flag or variable in messages.
func readTokenFile(what, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", wrong("cannot read %s: %v", what, err)
	}
	defer f.Close()
	return readToken(what+" "+path, f)
}

// connect makes the client of the chosen server; no call is made yet.
func (a *app) connect() (*client.Client, error) {
	if a.client != nil {
		return a.client, nil
	}
	s, err := chooseServer(a.getenv, a.flags.context)
	if err != nil {
		return nil, err
	}
	var ca []byte
	if s.ca != "" {
		if ca, err = os.ReadFile(s.ca); err != nil {
			return nil, wrong("cannot trust the authorities of %s: %v", s.url, err)
		}
	}
	c, err := client.New(client.Config{URL: s.url, Token: s.token, CA: ca, HTTP: a.http, UserAgent: "composa/" + a.version, Again: a.retrying.again})
	if err != nil {
		return nil, wrong("cannot use server %s: %v", s.url, err)
	}
	a.client, a.server = c, s
	a.retrying.to(func(line string) { a.say("%s", line) })
	return c, nil
}

// site asks the server what it is and who asks, once a command.
func (a *app) site(ctx context.Context) (*api.Site, error) {
	if a.siteSeen != nil {
		return a.siteSeen, nil
	}
	c, err := a.connect()
	if err != nil {
		return nil, err
	}
	if a.siteSeen, err = c.Site(ctx); err != nil {
		a.siteSeen = nil
		return nil, err
	}
	return a.siteSeen, nil
}

// project says in which project: the flag, the environment, the context's, or
// the only one that there is for who asks.
func (a *app) project(ctx context.Context) (string, error) {
	if _, err := a.connect(); err != nil {
		return "", err
	}
	for _, p := range []string{a.flags.project, a.getenv("COMPOSA_PROJECT"), a.server.project} {
		if p != "" {
			if err := checkProject(p); err != nil {
				return "", err
			}
			return p, nil
		}
	}
	site, err := a.site(ctx)
	if err != nil {
		return "", err
	}
	switch len(site.Projects) {
	case 0:
		return "", fail("not_allowed", "cannot choose a project: %s is in none", site.Principal).next("ask an administrator to add you to one")
	case 1:
		return site.Projects[0], nil
	}
	return "", wrong("cannot choose a project: %s is in %s", site.Principal, strings.Join(site.Projects, ", ")).next("say which with --project")
}

// checkProject refuses what cannot be part of an address.
func checkProject(p string) error {
	if err := checkDNSLabel("project", p); err != nil {
		return wrong("cannot use project %q: it is not a name of letters, digits and hyphens", abridge(p, 40))
	}
	return nil
}
