// Package liqid is an emulated Liqid Director: pretend composable hardware
// behind the protocol of the real thing, spoken over real HTTP and, for pushed
// changes, STOMP over websocket.
//
// Start with [New], which builds a [Director] from a [Config], and serve
// [Director.Handler] on any listener:
//
//	director, err := liqid.New(liqid.Config{Counts: liqid.Counts{CPUs: 4, GPUs: 8, SSDs: 8, NICs: 4}})
//	…
//	defer director.Close()
//	http.ListenAndServe("127.0.0.1:8080", director.Handler())
//
// The director is strict. It keeps groups, machines and devices, opens edit
// sessions, queues what clients ask for and applies it when a session is
// committed. A request that breaks a rule of the protocol is refused and
// remembered as a [Violation], because that is how a driver is judged: a good
// one causes none.
//
// What it answers, field by field, follows the project's notes on the protocol;
// comments cite them as "liqid-api.md" with the section. It speaks the era of
// director software 2.5. Routes of that era which no composing client needs
// (assembly, images, licences, enclosures, log, upgrade, certificates, server
// sent events, …) answer 404 like any unknown route.
//
// A director can be made slow ([Config] CallLatency, CommitLatency) and made to
// fail ([FaultRule]); people and tests look behind the curtain with
// [Director.Control] over HTTP or with the methods of the same meaning. With
// [Config] DataDir every acknowledged change survives the death of the process.
//
// The files: config.go is the way in, inventory.go and catalogue.go make
// believable parts, state.go holds what is so, rules.go what may become of it,
// records.go what is shown of it, director.go, transport.go and routes_*.go the
// calls, push.go the event socket, fault.go the failures, journal.go the
// memory of calls, control.go the view from behind and disk.go what outlives
// the process.
package liqid
