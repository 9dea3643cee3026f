// Command composa is the whole of Composa in one binary: the server (serve), a
// site of emulated racks to try things on (demo), an emulated director for tests
// (emulate), and the command line that talks to a server (everything else).
//
// This package reads configuration and wires the parts; it is the only place
// that knows all of them. [Server] is the server as a value, so that tests start
// the same thing that main starts.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/composa-dev/composa/internal/cli"
)

// version is set by the build; see the Makefile.
var version = ""

func main() {
	root := cli.New(cli.Config{Version: buildVersion(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, LocalToken: localToken})
	root.AddCommand(serveCommand(), demoCommand(), emulateCommand())
	os.Exit(cli.Main(context.Background(), root, os.Args[1:]))
}

// buildVersion is what the build said, else what Go knows of the checkout.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
