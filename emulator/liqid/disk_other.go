//go:build !unix

package liqid

import (
	"errors"
	"os"
)

// lockFile refuses: without a lock two directors could share a folder.
func lockFile(*os.File) error {
	return errors.New("a data folder cannot be locked on this system; run without one")
}
