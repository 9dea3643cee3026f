package pgtest

import (
	"runtime"
	"syscall"
)

// endWithUs makes the kernel end the server when we are killed.
func endWithUs(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGQUIT}
}

// spawn starts the server on a thread of its own: the kernel counts the end of
// the thread that started it as ours.
func (s *server) spawn() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := s.process.Start()
		started <- err
		if err == nil {
			_ = s.process.Wait() // how it ended shows in its output
		}
		close(s.ended)
	}()
	return <-started
}
