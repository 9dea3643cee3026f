package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/composa-dev/composa/emulator/liqid"
)

func emulateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "emulate",
		Short: "run one emulated director, for tests and for trying things",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(emulateLiqidCommand())
	return cmd
}

func emulateLiqidCommand() *cobra.Command {
	var (
		c                           liqid.Config
		address, control, inventory string
		faults                      []string
	)
	cmd := &cobra.Command{
		Use:   "liqid",
		Short: "run one emulated Liqid director",
		Long: `Runs one emulated Liqid director until it is interrupted.

Devices come from an inventory file, or from counts. A fault is 'WHEN CALL EFFECT':
WHEN is #3 (the third such call), 1/50 (one in fifty) or *; CALL is a method and a
path, with * for any part ('POST relate/gpu', '* predevice/*'); EFFECT is
status=500, drop-before, drop-after, hang, delay=2s, stale, steal-edit or
gone=gpu3. --fault may be given several times.

--control opens a second address that tells counts, violations, the calls made and
the state, and changes faults and devices while it runs.`,
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			for _, text := range faults {
				rule, err := liqid.ParseFault(text)
				if err != nil {
					return usage(err)
				}
				c.Faults = append(c.Faults, rule)
			}
			if inventory != "" {
				loaded, err := liqid.LoadInventory(inventory)
				if err != nil {
					return usage(err)
				}
				c.Inventory = loaded
			}
			return emulateLiqid(cmd.Context(), c, address, control, cmd.ErrOrStderr())
		}),
	}
	f := cmd.Flags()
	f.StringVar(&address, "listen", "127.0.0.1:8080", "`ADDR` of the director's API")
	f.StringVar(&control, "control", "", "`ADDR` of the control endpoint; none unless said")
	f.StringVar(&inventory, "config", "", "`INVENTORY` file that lists the devices")
	f.IntVar(&c.Counts.CPUs, "cpus", 0, "`N` compute nodes")
	f.IntVar(&c.Counts.GPUs, "gpus", 0, "`N` GPUs")
	f.IntVar(&c.Counts.SSDs, "ssds", 0, "`N` drives")
	f.IntVar(&c.Counts.NICs, "nics", 0, "`N` network cards")
	f.IntVar(&c.Counts.SCMs, "scms", 0, "`N` storage-class memories")
	f.IntVar(&c.Counts.FPGAs, "fpgas", 0, "`N` FPGAs")
	f.StringVar(&c.API, "api", "2.5", "`ERA` of its software")
	f.StringVar(&c.Name, "name", "", "`NAME` that its serial numbers carry")
	f.Var(&c.CallLatency, "call-latency", "time that every call takes (5ms, or 2ms-10ms)")
	f.Var(&c.CommitLatency, "commit-latency", "time that a commit takes (300ms, or 200ms-400ms)")
	f.StringArrayVar(&faults, "fault", nil, "`'WHEN CALL EFFECT'`, may be repeated")
	f.StringVar(&c.DataDir, "data", "", "`DIR` that keeps its state; nothing is kept unless said")
	f.Uint64Var(&c.Seed, "seed", 0, "`N` that decides all that looks random")
	return cmd
}

func emulateLiqid(ctx context.Context, c liqid.Config, address, control string, errOut io.Writer) error {
	d, err := liqid.New(c)
	if err != nil {
		return usage(err)
	}
	defer d.Close()
	var doors []*door
	api, err := openDoor(address, d.Handler())
	if err != nil {
		return err
	}
	doors = append(doors, api)
	fmt.Fprintf(errOut, "emulated Liqid director on %s\n", api.url())
	if control != "" {
		k, err := openDoor(control, d.Control())
		if err != nil {
			return err
		}
		doors = append(doors, k)
		fmt.Fprintf(errOut, "control on %s\n", k.url())
	}
	return serveDoors(ctx, doors)
}

// door is one HTTP server of an emulator.
type door struct {
	socket net.Listener
	server *http.Server
}

func openDoor(address string, h http.Handler) (*door, error) {
	l, err := listen(address)
	if err != nil {
		return nil, err
	}
	return &door{socket: l, server: &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}}, nil
}

func (d *door) url() string { return "http://" + d.socket.Addr().String() }

// serveDoors serves until ctx ends or one fails, then closes all.
func serveDoors(ctx context.Context, doors []*door) error {
	failed := make(chan error, len(doors))
	for _, d := range doors {
		go func() { failed <- d.server.Serve(d.socket) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	for _, d := range doors {
		d.server.Close()
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
