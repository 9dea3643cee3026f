package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/cli"
)

// runs is what a command runs, with its errors told as the command line tells
// those of a server: by code, with what to do next.
func runs(f func(cmd *cobra.Command, args []string) error) func(cmd *cobra.Command, args []string) error {
	return func(cmd *cobra.Command, args []string) error { return problem(f(cmd, args)) }
}

func problem(err error) error {
	var e *composa.Error
	if !errors.As(err, &e) {
		return err
	}
	return cli.Fail(string(e.Code), e.Text, e.Next)
}

// usage marks an error as one of what was typed.
func usage(err error) error { return composa.Errorf(composa.CodeInvalid, "%v", err) }
