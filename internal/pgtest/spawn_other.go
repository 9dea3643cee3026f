//go:build unix && !linux

package pgtest

import "syscall"

func endWithUs(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as}
}

// spawn starts the server.
func (s *server) spawn() error {
	if err := s.process.Start(); err != nil {
		return err
	}
	go func() {
		_ = s.process.Wait() // how it ended shows in its output
		close(s.ended)
	}()
	return nil
}
