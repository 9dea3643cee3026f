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
// there is one, within [MaxConditionCost] and [MaxSteps] (budget.go); beyond them a
// request is not refused, but asks too much.
//
// Among the choices that fit, work is spread and big blocks stay whole: the
// fabric with the least waiting, of those the one with the fewest free devices of
// the scarcest kind, there the smallest blocks under one switch, clean drives
// before used ones, then the lowest place. With peer-to-peer all GPUs come from
// the smallest block that has them all. Each choice and each refusal carries its
// account ([composa.Explanation]).
//
// The files, in the order in which a reader asks: place.go has the request and
// the way through it, check.go refuses what cannot be meant, conditions.go makes
// the conditions ready, candidates.go applies them, choose.go prefers, fit.go
// searches; why.go explains a choice, refuse.go a refusal, of which account.go
// counts, audit.go finds near misses, nearest.go what fits instead and earliest.go
// what must happen first; unplug.go chooses what leaves.
package placement
