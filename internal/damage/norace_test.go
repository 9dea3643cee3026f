//go:build !race

package damage

const (
	race      = false
	fewStorms = 10 // how many are carried out where it is not to be proven
)
