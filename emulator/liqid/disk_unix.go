//go:build unix

package liqid

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the folder's lock for as long as f is open, also over a kill.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("another director uses the folder")
	}
	return err
}
