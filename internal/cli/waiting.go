package cli

import (
	"sync"
	"time"
)

// When somebody who waits for one answer is told what is waited for.
const (
	firstWord = time.Second
	nextWord  = 10 * time.Second
)

// waiting tells on standard error what is waited for, after a second and from
// then on every ten, until stop is called.
func (a *app) waiting(doing string) (stop func()) {
	if a.flags.quiet || a.flags.progress == "none" {
		return func() {}
	}
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		began, pause := time.Now(), time.NewTimer(firstWord)
		defer pause.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-pause.C:
				a.say("%s: %s so far", doing, secondsText(now.Sub(began).Seconds()))
				pause.Reset(nextWord)
			}
		}
	})
	return func() {
		close(done)
		ended.Wait()
	}
}
