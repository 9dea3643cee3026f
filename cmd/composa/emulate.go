package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/composa-dev/composa"
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
	var e emulation
	cmd := &cobra.Command{
		Use:   "liqid",
		Short: "run one emulated Liqid director",
		Long:  emulateLiqidHelp(),
		Example: `  composa emulate liqid --cpus 4 --gpus 8 --control 127.0.0.1:8081
  composa emulate liqid --api 3.4 --habit commit=early --habit restart=forgets-sessions
  composa emulate liqid --fault '#2 POST pool/done late=30s' --fault '1/50 * drop-after'
  composa emulate liqid --user admin --password-file pw --tls 127.0.0.1:8443 --cert-out director.pem`,
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			if err := e.complete(); err != nil {
				return err
			}
			return e.run(cmd.Context(), cmd.ErrOrStderr())
		}),
	}
	f := cmd.Flags()
	f.StringVar(&e.address, "listen", "127.0.0.1:8080", "`ADDR` of the director's API")
	f.StringVar(&e.tls, "tls", "", "`ADDR` of a second door to the API, over TLS; port 8443 unless said")
	f.StringVar(&e.cert, "cert", "", "`FILE` with the certificate of --tls, and what it is signed with; self-made unless said")
	f.StringVar(&e.key, "key", "", "`FILE` with the key of --cert")
	f.StringVar(&e.certOut, "cert-out", "", "`FILE` to write a self-made certificate to, for clients to trust (default: in --data)")
	f.StringVar(&e.control, "control", "", "`ADDR` of the control endpoint; none unless said")
	f.StringVar(&e.inventory, "config", "", "`INVENTORY` file that lists the devices")
	f.IntVar(&e.Counts.CPUs, "cpus", 0, "`N` compute nodes")
	f.IntVar(&e.Counts.GPUs, "gpus", 0, "`N` GPUs")
	f.IntVar(&e.Counts.SSDs, "ssds", 0, "`N` drives")
	f.IntVar(&e.Counts.NICs, "nics", 0, "`N` network cards")
	f.IntVar(&e.Counts.SCMs, "scms", 0, "`N` storage-class memories")
	f.IntVar(&e.Counts.FPGAs, "fpgas", 0, "`N` FPGAs")
	f.IntVar(&e.Counts.Memories, "memories", 0, "`N` memory devices, which directors of 3.x show")
	f.StringVar(&e.API, "api", "2.5", "`ERA` of its software: "+strings.Join(liqid.Eras(), ", "))
	f.Var(&e.Habits, "habit", "what it does where the protocol's description leaves it open, may be repeated")
	f.StringVar(&e.user, "user", "", "`NAME` of who may sign in; everybody may unless said")
	f.StringVar(&e.passwordFile, "password-file", "", "`FILE` that holds the password of --user")
	f.StringVar(&e.Name, "name", "", "`NAME` that its serial numbers carry")
	f.Var(&e.CallLatency, "call-latency", "time that every call takes (5ms, or 2ms-10ms)")
	f.Var(&e.CommitLatency, "commit-latency", "time that a commit takes (300ms, or 200ms-400ms)")
	f.Float64Var(&e.PerSecond, "per-second", 0, "`N` calls a second that it takes, 429 beyond; 0 is any number")
	f.DurationVar(&e.ClockOff, "clock-off", 0, "how far its clock is ahead; negative is behind")
	f.StringArrayVar(&e.faults, "fault", nil, "`'WHEN CALL EFFECT'`, may be repeated")
	f.StringVar(&e.DataDir, "data", "", "`DIR` that keeps its state; nothing is kept unless said")
	f.Uint64Var(&e.Seed, "seed", 0, "`N` that decides all that looks random")
	_ = cmd.RegisterFlagCompletionFunc("api", completes(liqid.Eras()))
	_ = cmd.RegisterFlagCompletionFunc("habit", completes(habitSettings()))
	return cmd
}

// emulateLiqidHelp lists what the emulator itself knows of effects and habits.
func emulateLiqidHelp() string {
	var b strings.Builder
	b.WriteString(`Runs one emulated Liqid director until it is interrupted.

Devices come from an inventory file, or from counts. A fault is 'WHEN CALL EFFECT':
WHEN is #3 (the third such call), 1/50 (one in fifty) or *; CALL is a method and a
path, with * for any part ('POST relate/gpu', '* predevice/*'), or * alone; EFFECT
is one of
`)
	for _, e := range liqid.Effects() {
		fmt.Fprintf(&b, "  %-14s %s\n", e.Form, e.Does)
	}
	b.WriteString(`
Nobody outside of the vendor's house knows every habit of a director; --habit
makes it one that has these (the first is the default, but for 3.x: editing=one,
same-p2p=refused, and in 3.4 commit=accepted):
`)
	for _, name := range liqid.HabitNames() {
		fmt.Fprintf(&b, "  %-14s %s\n", name, strings.Join(liqid.HabitValues(name), ", "))
	}
	b.WriteString(`
--control opens a second address that tells counts, violations, the calls made and
the state, and changes faults, devices, clock and rate, and restarts the director,
while it runs.`)
	return b.String()
}

// habitSettings lists everything that --habit can say.
func habitSettings() []string {
	var all []string
	for _, name := range liqid.HabitNames() {
		for _, value := range liqid.HabitValues(name) {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// completes offers words that a flag takes.
func completes(words []string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// emulation is a director that is to run, and its doors, as the command line
// tells them.
type emulation struct {
	liqid.Config
	address, tls, control string
	cert, key, certOut    string
	inventory             string
	user, passwordFile    string
	faults                []string
}

// complete reads what the flags name into the configuration.
func (e *emulation) complete() error {
	for _, text := range e.faults {
		rule, err := liqid.ParseFault(text)
		if err != nil {
			return usage(err)
		}
		e.Faults = append(e.Faults, rule)
	}
	if e.inventory != "" {
		loaded, err := liqid.LoadInventory(e.inventory)
		if err != nil {
			return usage(err)
		}
		e.Inventory = loaded
	}
	if err := e.completeUser(); err != nil {
		return err
	}
	return e.completeTLS()
}

// maxPassword is the longest password file in bytes.
const maxPassword = 4096

func (e *emulation) completeUser() error {
	switch {
	case e.user == "" && e.passwordFile == "":
		return nil
	case e.user == "":
		return composa.Errorf(composa.CodeInvalid, "cannot let anybody sign in: --password-file is given without --user").WithNext("name who signs in with it: --user NAME")
	case e.passwordFile == "":
		return composa.Errorf(composa.CodeInvalid, "cannot let %s sign in: --user is given without --password-file", e.user).WithNext("write the password to a file and name it: --password-file FILE")
	case strings.ContainsAny(e.user, ":\x00\r\n"):
		return composa.Errorf(composa.CodeInvalid, "cannot let %q sign in: HTTP Basic carries no name with a colon or a line end", e.user)
	}
	file, err := os.Open(e.passwordFile)
	if err != nil {
		return composa.Errorf(composa.CodeInvalid, "cannot read the password of %s: %v", e.user, err)
	}
	defer file.Close()
	body, err := io.ReadAll(io.LimitReader(file, maxPassword+1))
	if err != nil {
		return composa.Errorf(composa.CodeInvalid, "cannot read the password of %s: %v", e.user, err)
	}
	password := strings.TrimRight(string(body), "\r\n")
	if password == "" || len(body) > maxPassword {
		return composa.Errorf(composa.CodeInvalid, "cannot let %s sign in: %s does not hold a password of 1 to %d bytes", e.user, e.passwordFile, maxPassword)
	}
	e.Users = map[string]string{e.user: password}
	return nil
}

// run serves the director until ctx ends.
func (e *emulation) run(ctx context.Context, errOut io.Writer) error {
	d, err := liqid.New(e.Config)
	if err != nil {
		return usage(err)
	}
	defer d.Close()
	var doors []*door
	defer func() { closeDoors(doors) }()
	open := func(says, address string, certificate *tls.Certificate, h http.Handler) error {
		opened, err := openDoor(address, h)
		if err != nil {
			return err
		}
		if certificate != nil {
			opened.secure(*certificate)
		}
		doors = append(doors, opened)
		fmt.Fprintf(errOut, "%s on %s\n", says, opened.url())
		return nil
	}
	if err := open("emulated Liqid director", e.address, nil, d.Handler()); err != nil {
		return err
	}
	if e.tls != "" {
		certificate, from, err := e.certificate()
		if err != nil {
			return err
		}
		if err := open("emulated Liqid director", e.tls, certificate, d.Handler()); err != nil {
			return err
		}
		fmt.Fprintf(errOut, "its certificate is in %s\n", from)
	}
	for _, api := range doors {
		api.server.ConnState = d.ConnState // a restart cuts its connections
	}
	if e.control != "" {
		if err := open("control", e.control, nil, d.Control()); err != nil {
			return err
		}
	}
	return serveDoors(ctx, doors)
}

// door is one HTTP server of an emulator.
type door struct {
	socket net.Listener
	server *http.Server
	scheme string
}

func openDoor(address string, h http.Handler) (*door, error) {
	l, err := listen(address)
	if err != nil {
		return nil, err
	}
	return &door{socket: l, server: &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}, scheme: "http"}, nil
}

// secure makes it a door over TLS.
func (d *door) secure(certificate tls.Certificate) {
	d.scheme = "https"
	d.socket = tls.NewListener(d.socket, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	d.server.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it break off
}

func (d *door) url() string { return d.scheme + "://" + d.socket.Addr().String() }

// closeDoors closes what is open; a door that was served is closed a second time.
func closeDoors(doors []*door) {
	for _, d := range doors {
		d.server.Close()
		d.socket.Close()
	}
}

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
	closeDoors(doors)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
