package store

import (
	"context"

	"github.com/composa-dev/composa"
)

// GoneDevices returns the parts of a fabric that were taken out, the one that
// went last first: what comes back is the same part.
func (s *Store) GoneDevices(ctx context.Context, who composa.Who, fabric composa.FabricName) ([]composa.Device, error) {
	var out []composa.Device
	err := s.read(ctx, who, "read the parts that left "+string(fabric), func(t *tx) (err error) {
		out, err = t.devices(`fabric = $1 AND gone_at IS NOT NULL ORDER BY gone_at DESC, id`, string(fabric))
		return err
	})
	return out, err
}
