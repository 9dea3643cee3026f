package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
)

// Context is one server as it is saved: where it is, and who one is there.
type Context struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
	// Token is sent to URL and nowhere else; empty: none.
	Token string `yaml:"token,omitempty"`
	// CA is the path of a PEM file with the authorities to trust there; empty:
	// those of the system.
	CA string `yaml:"ca,omitempty"`
	// Project is used where none is named; empty: the only one there is.
	Project string `yaml:"project,omitempty"`
}

// contextsFile is the file of contexts.
type contextsFile struct {
	Current  string    `yaml:"current,omitempty"`
	Contexts []Context `yaml:"contexts"`
}

// maxContextsFile bounds what is read of the file, in bytes.
const maxContextsFile = 1 << 20

// ContextsPath is where contexts are saved: composa/contexts.yaml under
// $XDG_CONFIG_HOME, else under $HOME/.config.
func ContextsPath(getenv func(string) string) (string, error) {
	base := getenv("XDG_CONFIG_HOME")
	if base == "" {
		home := getenv("HOME")
		if home == "" {
			return "", wrong("cannot find the file of contexts: neither XDG_CONFIG_HOME nor HOME is set")
		}
		base = filepath.Join(home, ".config")
	}
	if !filepath.IsAbs(base) {
		return "", wrong("cannot find the file of contexts: XDG_CONFIG_HOME %q is not an absolute path", base)
	}
	return filepath.Join(base, "composa", "contexts.yaml"), nil
}

// SaveContext saves c under its name, in place of one of that name. It becomes
// the current context only if there is none; current says whether c is the
// current one now.
func SaveContext(getenv func(string) string, c Context) (current bool, err error) {
	_, current, err = SaveContextBeside(getenv, c, func(Context) bool { return false })
	return current, err
}

// SaveContextBeside does as [SaveContext], but leaves a context of another
// server alone that keep wants kept: c is saved under its name followed by -2
// then, or -3, and so on. It returns the name.
func SaveContextBeside(getenv func(string) string, c Context, keep func(Context) bool) (name string, current bool, err error) {
	if err := checkContext(c); err != nil {
		return "", false, err
	}
	err = changeContexts(getenv, func(file *contextsFile) error {
		wanted := c.Name
		for n := 2; ; n++ {
			old := file.find(c.Name)
			if old == nil || old.URL == c.URL || !keep(*old) {
				break
			}
			c.Name = fmt.Sprintf("%s-%d", wanted, n)
		}
		file.put(c)
		if file.Current == "" {
			file.Current = c.Name
		}
		current = file.Current == c.Name
		return nil
	})
	return c.Name, current, err
}

// changeContexts changes the file of contexts, so that of two commands at the
// same time the second finds what the first one wrote.
func changeContexts(getenv func(string) string, change func(*contextsFile) error) error {
	path, err := ContextsPath(getenv)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail("failed", "cannot save the contexts: %v", err)
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return fail("failed", "cannot save the contexts: %v", err)
	}
	defer unlock()
	file, err := readContexts(path)
	if err != nil {
		return err
	}
	if err := change(file); err != nil {
		return err
	}
	return writeContexts(path, file)
}

// find returns the context of a name, or nil.
func (f *contextsFile) find(name string) *Context {
	if i := slices.IndexFunc(f.Contexts, func(c Context) bool { return c.Name == name }); i >= 0 {
		return &f.Contexts[i]
	}
	return nil
}

func (f *contextsFile) put(c Context) {
	if old := f.find(c.Name); old != nil {
		*old = c
		return
	}
	f.Contexts = append(f.Contexts, c)
	sortNaturally(f.Contexts, func(c Context) string { return c.Name })
}

func (f *contextsFile) remove(name string) {
	f.Contexts = slices.DeleteFunc(f.Contexts, func(c Context) bool { return c.Name == name })
	if f.Current == name {
		f.Current = ""
	}
}

func (f *contextsFile) names() []string {
	var names []string
	for _, c := range f.Contexts {
		names = append(names, c.Name)
	}
	return names
}

// named returns the context of a name, or the failure that says which there are.
func (f *contextsFile) named(name string) (*Context, error) {
	if c := f.find(name); c != nil {
		return c, nil
	}
	missing := fail("not_found", "cannot use context %q: there is none of that name", abridge(name, 40))
	if len(f.Contexts) == 0 {
		return nil, missing.next("no context is saved; `composa context create NAME --url URL --token-file FILE` saves one")
	}
	return nil, missing.next("saved are %s", strings.Join(f.names(), ", "))
}

// readContexts reads the file; one that does not exist is empty.
func readContexts(path string) (*contextsFile, error) {
	file := &contextsFile{}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return file, nil
	case err != nil:
		return nil, wrong("cannot read the contexts: %v", err)
	case info.Size() > maxContextsFile:
		return nil, wrong("cannot read the contexts in %s: the file has %d bytes, %d are allowed", path, info.Size(), maxContextsFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, wrong("cannot read the contexts: %v", err)
	}
	if err := parseContexts(data, file); err != nil {
		// Only the line that says what and where: the lines around it may hold tokens.
		what, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
		return nil, wrong("cannot read the contexts in %s: %s", path, what).next("mend the file, or remove it and save the contexts again")
	}
	for _, c := range file.Contexts {
		if err := checkContext(c); err != nil {
			return nil, wrong("cannot read the contexts in %s: %v", path, err)
		}
	}
	return file, nil
}

// parseContexts reads the one YAML document of the file; an empty one is none.
func parseContexts(data []byte, file *contextsFile) error {
	if !utf8.Valid(data) {
		return errors.New("it holds what is not UTF-8")
	}
	d := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	if err := d.Decode(file); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var more any
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return errors.New("it holds more than one YAML document")
	}
	return nil
}

// writeContexts writes the file whole or not at all, readable by its owner only.
func writeContexts(path string, file *contextsFile) error {
	data, err := yaml.MarshalWithOptions(file, yaml.CustomMarshaler[string](func(s string) ([]byte, error) { return []byte(yamlText(s)), nil }))
	if err != nil {
		return wrong("cannot save the contexts: %v", err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link to a file kept elsewhere stays one
	}
	if err := WriteWhole(path, data); err != nil {
		return fail("failed", "cannot save the contexts: %v", err)
	}
	return nil
}

// checkContext refuses a context that could not be used.
func checkContext(c Context) error {
	if err := checkContextName(c.Name); err != nil {
		return err
	}
	if _, err := checkURL(c.URL); err != nil {
		return wrong("cannot use context %q: %v", c.Name, err)
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return wrong("cannot use context %q: its token holds spaces or control characters", c.Name)
	}
	return nil
}

func checkContextName(name string) error {
	switch {
	case name == "":
		return wrong("cannot name a context: the name is empty")
	case len(name) > maxName:
		return wrong("cannot name a context %q: the name has %d characters, %d are allowed", abridge(name, 24), len(name), maxName)
	case name[0] == '-' || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }):
		return wrong("cannot name a context %q: it begins with a hyphen, or holds spaces, slashes or control characters", name)
	}
	return nil
}

// checkURL refuses what cannot be a server, and returns the one way to write it.
func checkURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "", wrong("the URL is empty")
	case err != nil:
		return "", wrong("URL %q cannot be read", abridge(text, 60)).next("write it as http://127.0.0.1:7080")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", wrong("URL %q is neither http:// nor https:// and a host", abridge(text, 60)).next("write it as http://127.0.0.1:7080")
	case u.User != nil:
		return "", wrong("URL of %s holds a password", u.Host).next("save a token instead")
	case u.RawQuery != "" || u.Fragment != "":
		return "", wrong("URL %q goes on behind the path", abridge(text, 60)).next("write it as http://127.0.0.1:7080")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host) + strings.TrimRight(u.EscapedPath(), "/"), nil
}
