package inventory

import (
	"slices"

	"github.com/composa-dev/composa"
)

// Releases closes the claims whose machine gave its device up, where a look
// that began after that shows the device free, in somebody else's hands or left
// in this site's group, or where the part is gone. site already has the look laid over its picture.
func Releases(site *composa.Site, fabric composa.FabricName, gone []composa.PartChange) []composa.ClaimChange {
	var out []composa.ClaimChange
	for i := range site.Claims {
		c := &site.Claims[i]
		if c.Purpose != composa.PurposeReleasing {
			continue
		}
		dev := site.Device(c.Device)
		if dev == nil || dev.Fabric != fabric {
			continue
		}
		if why := released(site, c, dev, gone); why != "" {
			out = append(out, composa.ClaimChange{
				Claim: c.ID, Machine: c.Machine, Entry: c.Entry, Purpose: c.Purpose, Closed: true, Evidence: why,
			})
		}
	}
	return out
}

func released(site *composa.Site, c *composa.Claim, dev *composa.Device, gone []composa.PartChange) string {
	if slices.ContainsFunc(gone, func(g composa.PartChange) bool { return g.Gone && g.Device.ID == dev.ID }) {
		return "the part is gone"
	}
	return site.Released(dev, c.ReleasedAt)
}
