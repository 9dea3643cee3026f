// Command openapi writes the description of the API to the file it is given:
// go generate ./internal/rest keeps api/openapi.yaml with it.
package main

import (
	"fmt"
	"os"

	"github.com/composa-dev/composa/internal/rest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("cannot write the description: give the path of one file")
	}
	text, err := rest.OpenAPI()
	if err != nil {
		return fmt.Errorf("cannot write the description: %w", err)
	}
	return os.WriteFile(args[0], text, 0o644)
}
