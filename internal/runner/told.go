package runner

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/composa-dev/composa"
)

// told is what the log was told of failed calls, so that a fabric that does not
// answer for an hour is told of once, and once more when it does.
type told struct {
	mu sync.Mutex
	// away says that a call found nobody, and none got through since.
	away bool
}

// call logs how a call ended, where that is news.
func (t *told) call(ctx context.Context, log *slog.Logger, fabric composa.FabricName, c Call, err error) {
	t.mu.Lock()
	was := t.away
	t.away = composa.CodeOf(err) == composa.CodeUnreachable
	is := t.away
	t.mu.Unlock()
	attrs := []slog.Attr{slog.String("fabric", string(fabric)), slog.String("operation", string(c.Operation)), slog.String("call", string(c.Kind))}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err), slog.Any("cause", errors.Unwrap(err)))
	}
	switch {
	case was && is:
		log.LogAttrs(ctx, slog.LevelDebug, "a call failed", attrs...)
	case is:
		log.LogAttrs(ctx, slog.LevelInfo, "a call failed; further ones are not told until one gets through", attrs...)
	case err != nil:
		log.LogAttrs(ctx, slog.LevelInfo, "a call failed", attrs...)
	case was:
		log.LogAttrs(ctx, slog.LevelInfo, "calls get through again", attrs...)
	}
}
