//go:build linux || darwin || freebsd || netbsd || openbsd

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// ours says whether a file belongs to the user that this program runs as.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Geteuid()
}
