// Package placement chooses devices: which fabric serves a request, and which
// of its free devices.
//
// [Place] is a pure function of one [composa.Site] and a [Request]: the same
// inputs give the same choice. What is free is decided in one place only,
// [composa.Site.WhyNotFree]. A request that does not fit is refused with a value
// ([composa.Explanation]) that follows every entry through the conditions, fabric by
// fabric, and names the nearest request that fits. [Unplug] chooses the devices
// that leave a machine.
//
// A choice is exact. Devices of one unit move together, so a unit is taken whole
// or not at all; all devices of a machine share a domain; and entries may
// compete for the same devices. The search (fit.go) finds a choice wherever
// there is one, within [MaxSearch] tries a question.
//
// Among the choices that fit, big blocks stay whole: the fabric with the fewest
// free devices of the scarcest kind, there the smallest blocks under one switch,
// clean drives before used ones, then the lowest place. With peer-to-peer all
// GPUs come from the smallest block that has them all.
//
// The files, in the order in which a reader asks: place.go has the request and
// the way through it, check.go refuses what cannot be meant, candidates.go
// applies the conditions, choose.go prefers, fit.go searches, refuse.go explains,
// unplug.go chooses what leaves.
package placement
