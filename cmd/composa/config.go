package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/composa-dev/composa"
)

// Limits of a configuration.
const (
	maxConfig  = 4 << 20 // bytes of the file
	maxFabrics = 256
	maxHosts   = 20000
)

// Config is what `composa serve --config` reads. Unknown keys are refused.
type Config struct {
	// Listen is the address of the API, HOST:PORT. 127.0.0.1:7080 unless said.
	Listen string `yaml:"listen"`
	// Data is the folder of the store and the keys; made if it is not there.
	Data string `yaml:"data"`
	// Database is postgres://… to keep the store there instead of in Data, which
	// is needed all the same for the first token.
	Database string         `yaml:"database"`
	Fabrics  []FabricConfig `yaml:"fabrics"`
	// Hosts is what the site knows of the computers behind cpu devices.
	Hosts []HostConfig `yaml:"hosts"`
	// Limits bounds what callers may ask of the server.
	Limits ServerLimits `yaml:"limits"`
}

// HostConfig is what the site knows of one host: which cpu it is, by exactly one
// of serial, ipmi and place, and how to reach it.
type HostConfig struct {
	Serial  string `yaml:"serial"`
	IPMI    string `yaml:"ipmi"`
	Place   string `yaml:"place"`
	Address string `yaml:"address"`
	Login   string `yaml:"login"`
}

// Duration is a time.Duration that YAML writes as "30s".
type Duration time.Duration

// UnmarshalYAML reads a duration; it must not be negative.
func (d *Duration) UnmarshalYAML(node ast.Node) error {
	at := node.GetToken()
	v, err := time.ParseDuration(at.Value)
	if err != nil || v < 0 {
		return &yaml.SyntaxError{Message: fmt.Sprintf("%q is not a duration such as 500ms, 30s or 2m", composa.Abridge(at.Value, 40)), Token: at}
	}
	*d = Duration(v)
	return nil
}

// readConfig reads and checks the configuration of a server.
func readConfig(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read the configuration: %v", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read the configuration %s: %v", path, err)
	}
	if len(text) > maxConfig {
		return nil, composa.Errorf(composa.CodeTooLarge, "cannot read the configuration %s: it has more than %d bytes", path, maxConfig)
	}
	return parseConfig(path, text)
}

// parseConfig reads a configuration; name stands in messages.
func parseConfig(name string, text []byte) (c *Config, err error) {
	defer func() {
		if r := recover(); r != nil { // the YAML library has panicked on strange input before
			c, err = nil, composa.Errorf(composa.CodeInvalid, "cannot read the configuration %s: it is not YAML", name)
		}
	}()
	c = &Config{}
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, notRead(name, text, err)
	}
	var more any
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read the configuration %s: it holds more than one YAML document", name)
	}
	c.defaults(filepath.Dir(name))
	if err := c.check(); err != nil {
		return nil, notUsed(name, err)
	}
	return c, nil
}

// position is how the YAML library begins an error: "[2:1] unknown field".
var position = regexp.MustCompile(`^\[(\d+):(\d+)\] `)

// notRead tells of what is no configuration: where, and what is wrong there. The
// lines around it follow on lines of their own, unless something in the file looks
// secret: where a line is not understood nobody knows which of them it is.
func notRead(name string, text []byte, err error) error {
	what, excerpt, _ := strings.Cut(yaml.FormatError(err, false, true), "\n")
	where := ""
	if at := position.FindStringSubmatch(what); at != nil {
		where, what = fmt.Sprintf(", line %s, column %s", at[1], at[2]), what[len(at[0]):]
	}
	excerpt = strings.TrimRight(excerpt, " \n")
	switch {
	case secretive.Match(bytes.ReplaceAll(text, []byte("passwordFile:"), nil)), credentials.MatchString(excerpt):
		excerpt = ""
	case excerpt != "":
		excerpt = "\n" + excerpt
	}
	e := composa.Errorf(composa.CodeInvalid, "cannot read the configuration %s%s: %s%s", name, where, what, excerpt)
	return e.WithNext("%s", suggestion(err))
}

// notUsed tells of a configuration that can be read and not be meant.
func notUsed(name string, err error) error {
	text, next := err.Error(), ""
	if e, ok := errors.AsType[*composa.Error](err); ok {
		text, next = strings.TrimSuffix(text, "; "+e.Next), e.Next
	}
	return composa.Errorf(composa.CodeInvalid, "cannot use the configuration %s: %s", name, text).WithNext("%s", next)
}

var (
	unknownKey  = regexp.MustCompile(`unknown field "([^"]+)"`)
	passwordKey = regexp.MustCompile(`(?i)unknown field "pas`)
	// secretive finds what a secret may stand beside: a key that means one, other
	// than passwordFile, or a user in a URL.
	secretive   = regexp.MustCompile(`(?i)(pass|pwd|secret|://[^/\s]*@)`)
	credentials = regexp.MustCompile(`(?i)credential`)
)

// suggestion names the key that an unknown one was probably meant to be.
func suggestion(err error) string {
	m := unknownKey.FindStringSubmatch(err.Error())
	if m == nil {
		return ""
	}
	if passwordKey.MatchString(err.Error()) {
		return "a password stands in a file of its own: passwordFile: FILE"
	}
	if near := composa.Nearly(m[1], knownKeys(reflect.TypeFor[Config]())); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// knownKeys are the YAML keys of a configuration, of every depth.
func knownKeys(t reflect.Type) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		keys = append(keys, t.Field(i).Tag.Get("yaml"))
		keys = append(keys, knownKeys(t.Field(i).Type)...)
	}
	return keys
}

// defaults fills in what is not said; files are looked for from folder on.
func (c *Config) defaults(folder string) {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:7080"
	}
	for i := range c.Fabrics {
		f := &c.Fabrics[i]
		f.defaults(folder)
	}
}

func (c *Config) check() error {
	_, port, err := net.SplitHostPort(c.Listen)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		return fmt.Errorf("listen %q is not HOST:PORT", c.Listen)
	}
	if c.Data == "" {
		return errors.New("data is not said: name the folder that keeps the store, for example data: /var/lib/composa")
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		return errors.New("database is not postgres://…; leave it out to keep the store in the data folder")
	}
	if len(c.Fabrics) > maxFabrics || len(c.Hosts) > maxHosts {
		return fmt.Errorf("%d fabrics and %d hosts are named; %d and %d are allowed", len(c.Fabrics), len(c.Hosts), maxFabrics, maxHosts)
	}
	if err := c.Limits.check(); err != nil {
		return err
	}
	names, urls := map[string]bool{}, map[string]string{}
	for i, f := range c.Fabrics {
		if err := f.check(); err != nil {
			return fmt.Errorf("fabrics[%d]: %w", i, err)
		}
		if names[f.Name] {
			return fmt.Errorf("fabrics[%d]: two fabrics are named %q", i, f.Name)
		}
		if other := urls[strings.TrimRight(f.URL, "/")]; other != "" {
			return fmt.Errorf("fabrics[%d]: %s and %s have the same url; one director is one fabric", i, other, f.Name)
		}
		names[f.Name], urls[strings.TrimRight(f.URL, "/")] = true, f.Name
	}
	for i, h := range c.Hosts {
		if err := h.check(); err != nil {
			return fmt.Errorf("hosts[%d]: %w", i, err)
		}
		if f := composa.Place(h.Place).Fabric(); h.Place != "" && !names[string(f)] {
			return fmt.Errorf("hosts[%d]: place %s: there is no fabric %q here", i, h.Place, f)
		}
	}
	return nil
}

func (h *HostConfig) check() error {
	said := 0
	for _, by := range []string{h.Serial, h.IPMI, h.Place} {
		if by != "" {
			said++
		}
	}
	switch {
	case said != 1:
		return errors.New("name the host by exactly one of serial, ipmi and place")
	case h.Address == "":
		return errors.New("its address is not said")
	case h.Place != "" && composa.Place(h.Place).Fabric() == "":
		return fmt.Errorf("place %q is not FABRIC/DEVICE", h.Place)
	}
	return nil
}
