package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

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
}

// FabricConfig is one fabric. What stands here the API shows and cannot change.
type FabricConfig struct {
	Name   string `yaml:"name"`
	Driver string `yaml:"driver"` // "liqid"
	URL    string `yaml:"url"`
	// Access is manage or observe; observe unless said.
	Access string `yaml:"access"`
	// Return is free (freed devices leave the site's group, so that the vendor's
	// tool sees them free) or keep. free unless said.
	Return  string        `yaml:"return"`
	Limits  LimitsConfig  `yaml:"limits"`
	Observe ObserveConfig `yaml:"observe"`
}

// LimitsConfig bounds the calls to a director.
type LimitsConfig struct {
	Concurrent int      `yaml:"concurrent"` // calls side by side; 4 unless said
	PerSecond  float64  `yaml:"perSecond"`  // 100 unless said
	Gap        Duration `yaml:"gap"`        // pause between two changing calls
}

// ObserveConfig says how often a fabric is looked at.
type ObserveConfig struct {
	// Every is the pause between two looks: 1s unless said, 30s where the fabric
	// says by itself that something changed.
	Every Duration `yaml:"every"`
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

// UnmarshalText reads a duration; it must not be negative.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration such as 500ms, 30s or 2m", text)
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
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read the configuration %s: %s%s", name, yaml.FormatError(err, false, true), suggestion(err))
	}
	var more any
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot read the configuration %s: it holds more than one YAML document", name)
	}
	c.defaults()
	if err := c.check(); err != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot use the configuration %s: %v", name, err)
	}
	return c, nil
}

var unknownKey = regexp.MustCompile(`unknown field "([^"]+)"`)

// suggestion names the key that an unknown one was probably meant to be.
func suggestion(err error) string {
	m := unknownKey.FindStringSubmatch(err.Error())
	if m == nil {
		return ""
	}
	if near := composa.Nearly(m[1], knownKeys(reflect.TypeFor[Config]())); near != "" {
		return fmt.Sprintf("\ndid you mean %q?", near)
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

func (c *Config) defaults() {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:7080"
	}
	for i := range c.Fabrics {
		f := &c.Fabrics[i]
		if f.Access == "" {
			f.Access = string(composa.AccessObserve)
		}
		if f.Return == "" {
			f.Return = "free"
		}
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

func (f *FabricConfig) check() error {
	if err := composa.CheckFabricName(f.Name); err != nil {
		return err
	}
	if !slices.Contains(driverNames(), f.Driver) {
		return fmt.Errorf("fabric %q: there is no driver %q; there is %s", f.Name, f.Driver, strings.Join(driverNames(), ", "))
	}
	if f.Access != string(composa.AccessManage) && f.Access != string(composa.AccessObserve) {
		return fmt.Errorf("fabric %q: access %q is neither manage nor observe", f.Name, f.Access)
	}
	if f.Return != "free" && f.Return != "keep" {
		return fmt.Errorf("fabric %q: return %q is neither free nor keep", f.Name, f.Return)
	}
	if f.Limits.Concurrent < 0 || f.Limits.PerSecond < 0 {
		return fmt.Errorf("fabric %q: a limit is negative", f.Name)
	}
	// The driver knows what else it needs, such as what a URL may hold; making
	// one calls nobody.
	_, err := drivers[f.Driver]("site_check", *f)
	return err
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
