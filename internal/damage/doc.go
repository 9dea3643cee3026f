// Package damage rehearses a whole site in which directors fail, and says what
// that leaves behind.
//
//	requests ─► intake ─► store ◄─ runner, inventory ─► driver/liqid ─► HTTP ─► emulator/liqid
//
// All parts are the real ones, wired as cmd/composa wires them, in virtual time
// (testing/synctest): a director that is silent for a minute, an effect that
// comes half a minute late and the patience of every part cost nothing, and what
// would wait for ever is seen to. Only the network is not the system's: the
// driver's connections end in the director's own listener.
//
// The files: network.go how driver and director meet, site.go what there is and
// how it comes to rest, truth.go what must hold then, verb.go what is asked of
// the site, fault.go what goes wrong at which call. The tests run them: every
// effect at every call of every verb (a table, `make faults`), and many at once
// by a seed.
package damage
