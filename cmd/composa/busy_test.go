package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/emulator/liqid"
)

// TestUnplugOfABusyDevice takes a GPU that a program on the host has open: the
// operation names the device, changes nothing and ends, so that the machine can
// be changed, and the same is asked again once the program let go.
func TestUnplugOfABusyDevice(t *testing.T) {
	s := newSite(t, map[string]liqid.Config{"rack1": {BootLatency: liqid.Latency{Min: time.Millisecond}}}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m := s.compose("train", api.Want{Kind: "gpu", Count: 2})
	place := m.Devices[0].Place
	name := strings.TrimPrefix(place, "rack1/")
	if err := s.racks["rack1"].Use(name, true); err != nil {
		t.Fatal(err)
	}
	asked, err := s.client.Unplug(ctx, "default", "train", api.Unplug{IDs: []string{place}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	op, err := s.client.Wait(ctx, asked.Operation.ID)
	if err != nil {
		t.Fatal(err)
	}
	if op.Phase != "undone" || op.Result == nil || op.Result.Code != "refused" || !strings.Contains(op.Result.Text, name+" is in use on the host") {
		t.Errorf("unplug of a busy device is %s with %+v; want it undone as refused, with the reason", op.Phase, op.Result)
	}
	if m, err = s.client.Machine(ctx, "default", "train"); err != nil || m.State != "ready" || !slices.ContainsFunc(m.Devices, func(d api.MachineDevice) bool { return d.Place == place }) {
		t.Errorf("the machine is %+v, %v; want it ready with %s", m, err, place)
	}
	if d, _ := s.racks["rack1"].Snapshot().Device(name); d.Machine == 0 {
		t.Error("the busy device was taken")
	}
	if n := len(s.racks["rack1"].Snapshot().Sessions); n != 0 {
		t.Errorf("%d sessions are left open", n)
	}
	if err := s.racks["rack1"].Use(name, false); err != nil {
		t.Fatal(err)
	}
	if asked, err = s.client.Unplug(ctx, "default", "train", api.Unplug{IDs: []string{place}}, 0); err != nil {
		t.Fatal(err)
	}
	if op, err = s.client.Wait(ctx, asked.Operation.ID); err != nil || op.Phase != "done" {
		t.Errorf("after the program let go the unplug ends %+v, %v; want done", op, err)
	}
}
