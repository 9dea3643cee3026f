package cli

import "github.com/composa-dev/composa/api"

// refusalLines tells a refusal as the server tells it: which condition removed
// how many devices, fabric by fabric, and what would fit.
func refusalLines(r *api.Explanation) []string {
	if r == nil {
		return nil
	}
	return r.Lines
}

// saysNearest says whether the lines of a refused request hold what its next
// sentence says: the nearest request that fits.
func saysNearest(p *api.Problem) bool {
	if p.Refusal == nil || p.Refusal.Nearest == nil {
		return false
	}
	n := p.Refusal.Nearest
	return n.Write != "" && p.Next == n.Text
}
