package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/internal/cli"
)

// startDemo starts the demo as a user does, in a home of its own.
func startDemo(t *testing.T, home string, racks string) (*process, *client.Client) {
	t.Helper()
	data := filepath.Join(home, "data")
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
	p, urls := start(t, `API   (http://\S+)(?s:.*)Ctrl-C stops it`, "demo", "--racks", racks, "--listen", "127.0.0.1:0", "--data", data)
	token, err := os.ReadFile(filepath.Join(data, "bootstrap-token"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{URL: urls[1], Token: strings.TrimSpace(string(token))})
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

// TestDemoStoppedInTheMiddleGoesOn stops the demo with Ctrl-C while a machine is
// made and starts it again: the machine is there, or nothing of it is.
func TestDemoStoppedInTheMiddleGoesOn(t *testing.T) {
	home := t.TempDir()
	p, c := startDemo(t, home, "3")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	until(t, "all three racks were seen", func(ctx context.Context) (bool, error) {
		all, err := client.All(c.Fabrics(ctx))
		seen := 0
		models := map[string]bool{}
		for _, f := range all {
			if f.State == "ok" && f.Emulated {
				seen++
			}
			models[f.Name] = true
		}
		return seen == 3, err
	})
	wish := api.Wish{Devices: []api.Want{{Kind: "gpu", Count: 4}, {Kind: "ssd", Count: 1}, {Kind: "nic", Count: 1}}}
	asked, err := c.PutMachine(ctx, "default", "train", api.PutMachine{Wish: wish}, 0)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a step was under way", func(ctx context.Context) (bool, error) {
		op, err := c.Operation(ctx, asked.Operation.ID, 0)
		return err == nil && len(op.Steps) > 0 && op.Steps[0].BeganAt != nil, err
	})
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != 0 && code != 130 {
		t.Errorf("after Ctrl-C the demo ended with %d:\n%s", code, p.said())
	}

	_, c = startDemo(t, home, "3")
	op, err := c.Wait(ctx, asked.Operation.ID)
	if err != nil {
		t.Fatal(err)
	}
	machines, err := client.All(c.Machines(ctx, client.MachineFilter{}))
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case op.Phase == "done" && len(machines) == 1:
	case op.Phase == "undone" && len(machines) == 0:
	default:
		t.Errorf("the operation ended %s (%s), and there are %d machines", op.Phase, op.Reason, len(machines))
	}
}

// TestDemoLeavesTheCurrentContextAlone: somebody who works on a real site and
// tries the demo must not find the next command there.
func TestDemoLeavesTheCurrentContextAlone(t *testing.T) {
	home := t.TempDir()
	getenv := func(key string) string {
		if key == "XDG_CONFIG_HOME" {
			return filepath.Join(home, "config")
		}
		return ""
	}
	if _, err := cli.SaveContext(getenv, cli.Context{Name: "production", URL: "http://192.0.2.1:7080", Token: "secret"}); err != nil {
		t.Fatal(err)
	}
	p, _ := startDemo(t, home, "1")
	if said := p.said(); !strings.Contains(said, "--context demo available") {
		t.Errorf("it does not say how to reach it:\n%s", said)
	}
	// A second demo beside it does not take the name of one that runs.
	beside, _ := start(t, `Ctrl-C stops it`, "demo", "--racks", "1", "--listen", "127.0.0.1:0", "--data", filepath.Join(home, "beside"))
	if said := beside.said(); !strings.Contains(said, "--context demo-2 available") {
		t.Errorf("the second demo does not say that it is demo-2:\n%s", said)
	}
	text, err := os.ReadFile(filepath.Join(home, "config", "composa", "contexts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "current: production") || !strings.Contains(string(text), "name: demo\n") || !strings.Contains(string(text), "name: demo-2\n") {
		t.Errorf("the contexts are now:\n%s", text)
	}
}
