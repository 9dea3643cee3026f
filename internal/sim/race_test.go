//go:build race

package sim

// fewSeeds is how many are simulated; the race detector makes each slow.
const fewSeeds = 4
