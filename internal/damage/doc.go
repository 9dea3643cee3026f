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
// The files: network.go how driver and director meet, site.go what there is,
// truth.go what must hold when it has come to rest; verb.go what is asked of it,
// fault.go what goes wrong at which call, play.go one such case from beginning to
// end, table.go what all of them came to (`make faults` prints it); late.go many
// things at once, by a seed, and people.go who does them.
package damage
