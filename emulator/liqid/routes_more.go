package liqid

// moreRoutes are the calls that composing needs none of: liqid-api.md 6.1 to 6.6.
func moreRoutes() []*route { return nil }
