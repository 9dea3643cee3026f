//go:build !race

package sim

const fewSeeds = 40
