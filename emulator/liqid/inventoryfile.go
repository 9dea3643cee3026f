package liqid

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxInventoryFile is how large an inventory file may be.
const maxInventoryFile = 1 << 20

//go:embed examples/*.yaml
var exampleFiles embed.FS

// Examples lists the racks that come with the emulator, for [LoadExample].
func Examples() []string {
	files, _ := exampleFiles.ReadDir("examples") // embedded: it is there
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// LoadExample returns one of the racks that come with the emulator.
func LoadExample(name string) (*Inventory, error) {
	data, err := ExampleFile(name)
	if err != nil {
		return nil, err
	}
	return ParseInventory(name+".yaml", data)
}

// ExampleFile returns the text of one of the racks that come with the
// emulator, to begin an inventory of one's own with.
func ExampleFile(name string) ([]byte, error) {
	if !slices.Contains(Examples(), name) {
		return nil, fmt.Errorf("there is no example rack %q; there are %s", name, strings.Join(Examples(), ", "))
	}
	return exampleFiles.ReadFile(path.Join("examples", name+".yaml"))
}

// LoadInventory reads an inventory file. It is YAML:
//
//	fabric: 1                # fabric id; optional
//	switches: 2              # switch chips; optional
//	devices:
//	  - kind: cpu            # cpu, gpu, ssd, scm, nic, fpga, memory (seen from 3.x on)
//	    count: 2             # optional, 1
//	    model: EPYC 7763     # optional; see Models
//	  - kind: gpu
//	    model: Prototype 9   # a model of one's own needs its vendor
//	    vendor: Acme
//	    dram: 96             # GB, cores, mhz, lanes … as in Entry
//	    serial: AX-0001      # of a single device
//	  - kind: ssd
//	    count: 4
//	    capacity: 3840       # GB
//	    switch: 1            # the switch they hang on
//
// Devices are numbered in order of appearance, each kind from 0. Errors name
// file, line and column; unknown keys are errors.
func LoadInventory(file string) (*Inventory, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the inventory: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxInventoryFile+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the inventory: %w", err)
	}
	return ParseInventory(file, data)
}

// ParseInventory reads the text of an inventory file; name is what errors call it.
func ParseInventory(name string, data []byte) (inv *Inventory, err error) {
	// The YAML library has panicked on malformed input before.
	defer func() {
		if p := recover(); p != nil {
			inv, err = nil, fmt.Errorf("cannot read the inventory %s: malformed YAML: %v", name, p)
		}
	}()
	if len(data) > maxInventoryFile {
		return nil, fmt.Errorf("cannot read the inventory %s: larger than %d bytes", name, maxInventoryFile)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot read the inventory %s: %w", name, err)
	}
	if len(file.Docs) > 1 {
		return nil, fmt.Errorf("cannot read the inventory %s: it holds %d documents instead of one", name, len(file.Docs))
	}
	inv = &Inventory{}
	if err := yaml.UnmarshalWithOptions(data, inv, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("cannot read the inventory %s: %w", name, err)
	}
	if len(inv.Devices) == 0 {
		return nil, fmt.Errorf("cannot read the inventory %s: it lists no devices", name)
	}
	if err := inv.check(); err != nil {
		return nil, fmt.Errorf("the inventory %s makes no sense: %w", name, locate(file, err))
	}
	return inv, nil
}

// locate adds to every fault of an entry the line and column where it stands.
func locate(file *ast.File, err error) error {
	var list interface{ Unwrap() []error }
	if !errors.As(err, &list) {
		return err
	}
	var out []error
	for _, e := range list.Unwrap() {
		var bad *entryError
		if errors.As(e, &bad) {
			for _, where := range []string{fmt.Sprintf("$.devices[%d].%s", bad.entry, bad.field), fmt.Sprintf("$.devices[%d]", bad.entry)} {
				if p, err := yaml.PathString(where); err == nil {
					if node, err := p.FilterFile(file); err == nil && node != nil {
						at := node.GetToken().Position
						e = fmt.Errorf("[%d:%d] %w", at.Line, at.Column, e)
						break
					}
				}
			}
		}
		out = append(out, e)
	}
	return errors.Join(out...)
}
