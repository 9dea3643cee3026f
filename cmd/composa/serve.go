package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/composa-dev/composa/internal/store"
)

func serveCommand() *cobra.Command {
	var path, listenAt string
	var check bool
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "run the server",
		Long: `Runs the server until it is interrupted.

The configuration is YAML; unknown keys are refused. The least of it:

  data: /var/lib/composa
  fabrics:
    - {name: rack1, driver: liqid, url: "http://10.0.100.125:8080", access: manage}

Keys: listen, data, database, fabrics (name, driver, url, access, return, era,
settle, credentials: username passwordFile, tls: ca, limits: concurrent perSecond
gap, observe: every), hosts (serial | ipmi | place, address, login), limits (readsPerSecond
changesPerSecond changesAtOnce connections waits waitsPerPrincipal eventStreams
eventStreamsPerPrincipal openOperations openOperationsPerPrincipal). A fabric is
only observed unless access is manage. Files are looked for beside the
configuration; nobody but its owner and group may read a passwordFile.

The first start writes the first administrator's token to DATA/bootstrap-token,
and so does a start when no administrator can sign in any more;
COMPOSA_BOOTSTRAP_TOKEN gives it from outside.`,
		Args: cobra.NoArgs,
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			c, err := readConfig(path)
			if err != nil {
				return err
			}
			if listenAt != "" {
				c.Listen = listenAt
			}
			if check {
				if err := store.Check(cmd.Context(), storeURL(c)); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is good: %s, %s\n", path, counted(len(c.Fabrics), "fabric"), counted(len(c.Hosts), "host"))
				return err
			}
			return serve(cmd.Context(), c, cmd.ErrOrStderr())
		}),
	}
	cmd.Flags().StringVar(&path, "config", "", "the configuration `FILE`")
	cmd.Flags().StringVar(&listenAt, "listen", "", "`HOST:PORT` in place of the configuration's")
	cmd.Flags().BoolVar(&check, "check", false, "read and check the configuration and the store, and stop")
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// gcPercent is how much the heap may grow between two collections, in percent of
// what lives. What lives is mostly the site and its lists, which stay as they
// are, so that half of Go's usual room costs little time and saves a quarter of
// the memory. Unlike a fixed limit it holds for sites of any size.
const gcPercent = 50

// serve runs a server until ctx ends.
func serve(ctx context.Context, c *Config, errOut io.Writer) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log := slog.New(slog.NewTextHandler(errOut, nil))
	s, err := newServer(ctx, c, log, os.Getenv)
	if err != nil {
		return err
	}
	if s.token.ignored != "" {
		fmt.Fprintf(errOut, "COMPOSA_BOOTSTRAP_TOKEN is not taken: %s; unset it, or give another\n", s.token.ignored)
	}
	if s.token.path != "" {
		fmt.Fprintf(errOut, "an administrator's token is in %s\n", s.token.path)
	}
	fmt.Fprintf(errOut, "serving %s on %s\n", counted(len(c.Fabrics), "fabric"), s.URL())
	return s.Serve(ctx)
}

// counted writes how many of something there are: "1 fabric", "2 fabrics".
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
