// Package outage tells the log of something that goes wrong again and again
// once, and once when it is over.
package outage

import (
	"log/slog"
	"sync"
)

// Outage is one thing that can go wrong for a while. The zero value is ready,
// and its methods may be called at the same time.
type Outage struct {
	mu    sync.Mutex
	times int // since it went well
}

// Failed logs that it went wrong: as an error the first time, and for who
// looks closely each time after that.
func (o *Outage) Failed(log *slog.Logger, message string, attrs ...any) {
	o.mu.Lock()
	o.times++
	first := o.times == 1
	o.mu.Unlock()
	if first {
		log.Error(message+"; this is told once, and when it is over", attrs...)
		return
	}
	log.Debug(message, attrs...)
}

// Over logs that it goes well again, where it did not.
func (o *Outage) Over(log *slog.Logger, message string, attrs ...any) {
	o.mu.Lock()
	times := o.times
	o.times = 0
	o.mu.Unlock()
	if times > 0 {
		log.Info(message, append(attrs, "failed", times)...)
	}
}
