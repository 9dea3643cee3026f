package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/composa-dev/composa/internal/cli"
)

// A token that cannot be shown is there, and named so that it can be removed.
func TestATokenThatCannotBeShownIsNamed(t *testing.T) {
	data := t.TempDir()
	_, stop := started(t, data, none)
	stop()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	var said bytes.Buffer
	root := cli.New(cli.Config{In: strings.NewReader(""), Out: full, Err: &said, Getenv: none, LocalToken: localToken})
	exit := cli.Main(t.Context(), root, []string{"token", "create", "--local", "--data", data})
	if exit == 0 || !strings.Contains(said.String(), "cannot show token tok_") || !strings.Contains(said.String(), "composa token rm tok_") {
		t.Errorf("it exits %d: %s", exit, said.String())
	}
}
