package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// programVersion is what version shows.
type programVersion struct {
	Version string `json:"version"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "show the version of this program (status shows the server's)",
		Args:              noArgs,
		ValidArgsFunction: nothing,
		RunE: func(*cobra.Command, []string) error {
			v := programVersion{Version: a.version}
			return printOne(a, versionTable, v, func(io.Writer) error {
				return a.write([]byte("composa " + v.Version + "\n"))
			})
		},
	}
}

var versionTable = table[programVersion]{
	name:    func(v programVersion) string { return v.Version },
	columns: []column[programVersion]{{name: "version", text: func(v programVersion) string { return v.Version }}},
}
