//go:build race

package damage

const (
	race      = true
	fewStorms = 3 // how many are carried out where it is not to be proven: each is slow here
)
