//go:build linux || darwin || freebsd || netbsd || openbsd

package cli

import (
	"os"
	"syscall"
)

// lockFolder makes the caller the only one, of this process and of others, who
// holds the folder, and waits for that. unlock gives it back, and so does the
// system when the holder dies.
func lockFolder(path string) (unlock func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		_ = f.Close() // it was only read
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
