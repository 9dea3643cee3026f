package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/client"
	"github.com/composa-dev/composa/emulator/liqid"
	"github.com/composa-dev/composa/internal/cli"
)

// maxRacks bounds the demo: each rack is a director with some fifty devices.
const maxRacks = 16

// seeTime is how long the demo waits for its racks before it greets.
const seeTime = 15 * time.Second

// The demo's directors answer about as fast as hardware that is in a good mood.
var (
	demoCall   = liqid.Latency{Min: time.Millisecond, Max: 5 * time.Millisecond}
	demoCommit = liqid.Latency{Min: 200 * time.Millisecond, Max: 400 * time.Millisecond}
	// Nothing takes effect later than a commit takes.
	demoSettle = Duration(2 * time.Second)
)

func demoCommand() *cobra.Command {
	var racks int
	var address, data string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "run a server with emulated racks, to try things on",
		Long: `Runs emulated Liqid racks and the server in one process until it is interrupted.

The server talks to the racks over the protocol that hardware speaks. What is
made stays: stopped at any moment and started again with the same --data, it
finishes or undoes what was under way.

Another terminal reaches it through the context "demo", which is saved, and
becomes the current one only if there is none. While a demo runs another one
(with --data and --listen of its own) is "demo-2".`,
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if racks < 1 || racks > maxRacks {
				return usage(composa.Errorf(composa.CodeInvalid, "cannot run a demo of %d racks: 1 to %d are possible", racks, maxRacks))
			}
			if data == "" {
				data = defaultDemoData(os.Getenv)
			}
			return runDemo(cmd.Context(), racks, address, data, cmd.ErrOrStderr())
		}),
	}
	cmd.Flags().IntVar(&racks, "racks", 3, fmt.Sprintf("`N` emulated racks, at most %d", maxRacks))
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:7080", "`ADDR` of the API")
	cmd.Flags().StringVar(&data, "data", "", "`DIR` that keeps everything (default: composa/demo in $XDG_STATE_HOME, else ~/.local/state)")
	return cmd
}

func defaultDemoData(getenv func(string) string) string {
	base := getenv("XDG_STATE_HOME")
	if base == "" {
		base = filepath.Join(getenv("HOME"), ".local", "state")
	}
	return filepath.Join(base, "composa", "demo")
}

func runDemo(ctx context.Context, racks int, address, data string, errOut io.Writer) error {
	log := slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d := &demo{data: data}
	defer d.close()
	if err := d.openRacks(racks); err != nil {
		return err
	}
	c := &Config{Listen: address, Data: data}
	for _, r := range d.racks {
		c.Fabrics = append(c.Fabrics, FabricConfig{
			Name: r.name, Driver: "liqid", URL: r.door.url(), Access: string(composa.AccessManage), Return: "free", Settle: &demoSettle,
		})
	}
	s, err := newServer(ctx, c, log, os.Getenv)
	if err != nil {
		return err
	}
	saved, err := saveDemoContext(ctx, s.URL(), data, os.Getenv)
	if err == nil {
		err = s.seen(ctx, seeTime)
	}
	if err != nil {
		s.close()
		return err
	}
	d.greet(errOut, s.URL(), saved)
	return s.Serve(ctx)
}

// demo is the racks of a demo.
type demo struct {
	data  string
	racks []*rack
}

// rack is one emulated director behind a port of its own.
type rack struct {
	name     string
	era      string
	holds    string
	director *liqid.Director
	door     *door
}

func (d *demo) openRacks(n int) error {
	for i := range n {
		r, err := openRack(i, d.data)
		if err != nil {
			return err
		}
		d.racks = append(d.racks, r)
	}
	return nil
}

// demoEras are the lines of software of the demo's directors, rack by rack and
// from the first again.
var demoEras = []string{"2.5", "3.4", "2.4", "3.2"}

// openRack makes rack i: the second and third are the example racks, so that
// the first three differ; the others are mixed.
func openRack(i int, data string) (*rack, error) {
	r := &rack{name: fmt.Sprintf("rack%d", i+1)}
	c := liqid.Config{
		Name: r.name, API: demoEras[i%len(demoEras)], FabricID: i + 1, Seed: uint64(i + 1), CallLatency: demoCall, CommitLatency: demoCommit,
		DataDir: filepath.Join(data, "racks", r.name),
	}
	if example := map[int]string{1: "gpu-rack", 2: "storage-rack"}[i]; example != "" {
		inventory, err := liqid.LoadExample(example)
		if err != nil {
			return nil, err
		}
		c.Inventory = inventory
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot use the data folder: %v", err)
	}
	var err error
	if r.director, err = liqid.New(c); err != nil {
		return nil, composa.Errorf(composa.CodeInvalid, "cannot emulate %s: %v", r.name, err)
	}
	if r.door, err = openDoor("127.0.0.1:0", r.director.Handler()); err != nil {
		r.director.Close()
		return nil, err
	}
	r.era, r.holds = c.API, holdings(r.director)
	go r.door.server.Serve(r.door.socket) // ends when the door is closed
	return r, nil
}

// holdings tells what is in a rack: "4 cpu, 8 gpu, …".
func holdings(d *liqid.Director) string {
	counts := map[string]int{}
	for _, dev := range d.Snapshot().Devices {
		counts[string(dev.Kind)]++
	}
	var words []string
	for _, k := range composa.Kinds() {
		if n := counts[string(k)]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, k))
		}
	}
	return strings.Join(words, ", ")
}

func (d *demo) close() {
	for _, r := range d.racks {
		r.door.server.Close()
		r.director.Close()
	}
}

// savedContext is how other terminals find the demo: the name of its context,
// and whether they use it without being told.
type savedContext struct {
	name    string
	current bool
}

func saveDemoContext(ctx context.Context, url, data string, getenv func(string) string) (savedContext, error) {
	token := getenv("COMPOSA_BOOTSTRAP_TOKEN")
	if token == "" {
		text, err := os.ReadFile(tokenFile(data))
		if err != nil {
			return savedContext{}, composa.Errorf(composa.CodeInternal, "cannot read the demo's token: %v", err)
		}
		token = strings.TrimSpace(string(text))
	}
	demo := cli.Context{Name: "demo", URL: url, Token: token, Project: composa.DefaultProject}
	name, current, err := cli.SaveContextBeside(getenv, demo, func(old cli.Context) bool { return isElsewhere(old) || answers(ctx, old) })
	return savedContext{name, current}, err
}

// isElsewhere says whether a context is of a server that no demo on this
// computer was.
func isElsewhere(c cli.Context) bool {
	u, err := url.Parse(c.URL)
	if err != nil {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

// answerTime is how long a server on this computer may take to say that it runs.
const answerTime = 2 * time.Second

// answers says whether the server of a context runs, or is just starting: then
// it listens, and does not answer yet.
func answers(ctx context.Context, c cli.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	old, err := client.New(client.Config{URL: c.URL})
	if err != nil {
		return false
	}
	err = old.Healthy(ctx)
	return err == nil || errors.Is(err, context.DeadlineExceeded)
}

func (d *demo) greet(out io.Writer, url string, saved savedContext) {
	fmt.Fprintf(out, "Composa demo: %d emulated racks, over the protocol that hardware speaks.\n\n", len(d.racks))
	for _, r := range d.racks {
		fmt.Fprintf(out, "  %-7s Liqid %s: %s\n", r.name, r.era, r.holds)
	}
	with := ""
	if !saved.current {
		with = " --context " + saved.name
	}
	program := filepath.Base(os.Args[0])
	if strings.Contains(os.Args[0], string(os.PathSeparator)) {
		program = os.Args[0]
	}
	fmt.Fprintf(out, `
API   %s   (docs at %s/docs)
data  %s

In another terminal:

  %s%s available
  %s%s compose train --gpu 4 --ssd 1 --nic 1
  %s%s free train

`, url, url, d.data, program, with, program, with, program, with)
	if !saved.current {
		fmt.Fprintf(out, "Your current context stays as it is; `%s context use %s` makes this one current.\n", program, saved.name)
	}
	fmt.Fprintln(out, "Ctrl-C stops it; what was made stays, and what was under way goes on at the next start.")
}
