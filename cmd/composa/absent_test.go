package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/composa-dev/composa/api"
)

// TestFabricTakenOutOfTheConfiguration frees a machine whose rack the server
// does not know any more: the operation waits and says why, and goes on when the
// rack is back.
func TestFabricTakenOutOfTheConfiguration(t *testing.T) {
	r := newRacked(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	wish := api.Wish{Devices: []api.Want{{Kind: "gpu", Count: 1}}}
	if _, err := r.client.PutMachine(ctx, "default", "train", api.PutMachine{Wish: wish}, patience); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	without, _, _ := strings.Cut(string(whole), "fabrics:")
	if err := os.WriteFile(r.config, []byte(without), 0o600); err != nil {
		t.Fatal(err)
	}
	r.server.kill()
	r.open()
	grace := 0
	asked, err := r.client.Free(ctx, "default", "train", api.FreeMachine{Grace: &grace}, 0)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the free waits, and says why", func(ctx context.Context) (bool, error) {
		op, err := r.client.Operation(ctx, asked.Operation.ID, 0)
		return err == nil && op.Phase == "waiting" && strings.Contains(op.Reason, "not in the server's configuration any more"), err
	})
	if err := os.WriteFile(r.config, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	r.server.kill()
	r.start()
	if op, err := r.client.Wait(ctx, asked.Operation.ID); err != nil || op.Phase != "done" {
		t.Errorf("with the rack back the free ends %+v, %v; want done", op, err)
	}
}
