//go:build linux || darwin || freebsd || netbsd || openbsd

package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/composa-dev/composa"
)

// lockFolder takes the lock of the folder that holds a data file: one process a
// folder. The kernel gives it back when the process ends, however it ends; the
// file stays, so that no two processes lock different files of one name.
func lockFolder(data string) (release func() error, err error) {
	path := filepath.Join(filepath.Dir(data), "composa.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, composa.Errorf(composa.CodeUnavailable, "cannot open %s: its folder cannot be locked: %w", data, err).
			WithNext("check that the folder exists and may be written")
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		holder := readHolder(f)
		return nil, firstError(composa.Errorf(composa.CodeUnavailable, "cannot open %s: %s has its folder open", data, holder).
			WithNext("stop it, or use another data folder"), f.Close())
	case err != nil:
		return nil, firstError(composa.Errorf(composa.CodeUnavailable, "cannot open %s: its folder cannot be locked: %w", data, err), f.Close())
	}
	if err := writeHolder(f); err != nil {
		return nil, firstError(composa.Errorf(composa.CodeUnavailable, "cannot open %s: %s cannot be written: %w", data, path, err), f.Close())
	}
	return f.Close, nil
}

func readHolder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 32))
	pid, parseErr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || parseErr != nil {
		return "another process"
	}
	return "process " + strconv.Itoa(pid)
}

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
