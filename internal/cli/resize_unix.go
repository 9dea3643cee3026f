//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// resized tells when the terminal became another size, until stop.
func resized() (told <-chan os.Signal, stop func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGWINCH)
	return ch, func() { signal.Stop(ch) }
}
