package cli

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// WriteWhole puts data into a file that only its owner can read, in place of what
// is there by that name, be it a link or a file that others may read. It returns
// when the file is on the disk whole; where it fails, what was there is as it was.
func WriteWhole(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return syncFolder(dir)
}

// syncFolder sees to it that the names in a folder are on the disk.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" { // it has no such call
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
