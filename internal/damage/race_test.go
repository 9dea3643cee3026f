//go:build race

package damage

const race = true
