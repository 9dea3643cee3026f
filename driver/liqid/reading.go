package liqid

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/composa-dev/composa"
)

// readAll reads a list whose elements must all be understood: one that is left
// out would show its device as free. The list may be shared and is not changed.
func readAll[T any](ctx context.Context, c *calls, path string, one func(json.RawMessage) (T, error)) ([]T, error) {
	var out []T
	err := c.repeat(ctx, func() error {
		a, err := c.readOnce(ctx, path)
		if err != nil {
			return err
		}
		var known bool
		if out, known = recordsOf[T](a); known {
			return nil
		}
		out = make([]T, 0, len(a.data))
		for _, raw := range a.data {
			v, err := one(raw)
			if err != nil {
				return c.unreadable(path, err.Error())
			}
			out = append(out, v)
		}
		keepRecords(a, out)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (f *Fabric) readGroups(ctx context.Context) ([]group, error) {
	all, err := readAll(ctx, f.calls, "group", readGroup)
	groups := slices.Clone(all)
	slices.SortFunc(groups, func(a, b group) int { return a.id - b.id })
	return groups, err
}

// readMachines reads the machines; query is empty or narrows them.
func (f *Fabric) readMachines(ctx context.Context, query string) ([]machine, error) {
	all, err := readAll(ctx, f.calls, "machine"+query, readMachine)
	machines := slices.Clone(all)
	slices.SortFunc(machines, func(a, b machine) int { return a.id - b.id })
	return machines, err
}

// readDevices reads the live view of what can be composed; unnamed counts what
// is left out because its name cannot be part of a place.
func (f *Fabric) readDevices(ctx context.Context) (out []device, unnamed int, err error) {
	type reading struct {
		device         device
		shown, unnamed bool
	}
	all, err := readAll(ctx, f.calls, "status", func(raw json.RawMessage) (reading, error) {
		d, ok, err := readDevice(raw)
		if errors.Is(err, errUnnamed) {
			return reading{unnamed: true}, nil
		}
		return reading{device: d, shown: ok}, err
	})
	if err != nil {
		return nil, 0, err
	}
	for _, r := range all {
		switch {
		case r.unnamed:
			unnamed++
		case r.shown:
			out = append(out, r.device)
		}
	}
	slices.SortFunc(out, func(a, b device) int { return composa.NaturalCompare(a.name, b.name) })
	return slices.CompactFunc(out, func(a, b device) bool { return a.name == b.name }), unnamed, nil
}

// readNodes reads the hosts. A director without node/status tells no power.
func (f *Fabric) readNodes(ctx context.Context) ([]node, error) {
	a, err := f.calls.read(ctx, "node/status")
	if err != nil {
		if codeOf(err) == composa.CodeUnsupported {
			return nil, nil
		}
		return nil, err
	}
	out, known := recordsOf[node](a)
	if known {
		return slices.Clone(out), nil
	}
	for _, raw := range a.data {
		if n, ok := readNode(raw); ok {
			out = append(out, n)
		}
	}
	keepRecords(a, out)
	return slices.Clone(out), nil
}

// together makes calls side by side and returns the first error in their order.
func together(calls ...func() error) error {
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() { errs[i] = call() })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
