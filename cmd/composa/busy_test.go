package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/emulator/liqid"
)

// TestUnplugOfABusyDevice takes a GPU that a program on the host has open: the
// operation ends held, names the device, changes nothing, and goes on with a
// retry once the program let go.
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
	if op.Phase != "held" || op.Result == nil || !strings.Contains(op.Result.Text, name+" is in use on the host") || len(op.Result.Ways) == 0 {
		t.Errorf("unplug of a busy device is %s with %+v; want it held, with the reason and what to do", op.Phase, op.Result)
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
	if _, err := s.client.Retry(ctx, op.ID); err != nil {
		t.Fatal(err)
	}
	if op, err = s.client.Wait(ctx, op.ID); err != nil || op.Phase != "done" {
		t.Errorf("after the program let go the retry ends %+v, %v; want done", op, err)
	}
}
