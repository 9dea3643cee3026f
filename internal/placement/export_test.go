package placement

import "github.com/composa-dev/composa"

// PlaceWithin is Place with another budget; it says what was left of it.
func PlaceWithin(site *composa.Site, r Request, cost uint64, steps int) (c *Choice, spent uint64, left int, err error) {
	b := newBudget(cost, steps)
	c, err = place(site, r, b)
	return c, b.conditions.Spent(), b.steps, err
}
