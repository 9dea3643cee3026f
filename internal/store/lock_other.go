//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package store

import "github.com/composa-dev/composa"

// lockFolder refuses: without file locks two processes could open one file.
func lockFolder(data string) (release func() error, err error) {
	return nil, composa.Errorf(composa.CodeUnsupported, "cannot open %s: this system has no file locks that we know", data).
		WithNext("use PostgreSQL")
}
