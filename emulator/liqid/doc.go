// Package liqid is an emulated Liqid Director: pretend composable hardware
// behind the protocol of the real thing, spoken over real HTTP and, for pushed
// changes, STOMP over websocket and server-sent events.
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
// comments cite them as "liqid-api.md" with the section. [Config] API says which
// era of director software it is, one of [Eras], and [Habits] what it does where
// the notes leave that open. Calls that an era does not have answer 404.
//
// Some calls no era has here, and they answer 404 too. Of most the notes have no
// shape, or half of one: enclosure*, license*, provider/* and roles, northbound,
// upgrade*, certificate/upload, manager/network beyond ipmi, node/config, node-names,
// feedback. The others are manager/slurm and manager/kubernetes, which configure
// programs that are not there, fabric/id/{id}, which switches to another fabric
// where there is but one, and system/shutdown, after which nobody would answer.
//
// A director can be made slow ([Config] CallLatency, CommitLatency) and made to
// fail ([FaultRule]); people and tests look behind the curtain with
// [Director.Control] over HTTP or with the methods of the same meaning. With
// [Config] DataDir every acknowledged change survives the death of the process.
//
// The files: config.go, era.go and habits.go are the way in, inventory.go and
// catalogue.go make believable parts, state.go, session.go, queue.go and
// settings.go hold what is so, rules.go what may become of it and blame.go who
// could know, commit.go when,
// show.go, details.go and records.go what is shown of it; transport.go takes a call, fields.go reads what it says,
// signin.go and limit.go let it in, routes.go and routes_*.go answer it,
// links.go goes on where it was answered before it was done; push.go says what is
// pushed, socket.go is the event socket, sse.go the event streams; fault.go, inflict.go, late.go,
// restart.go and spoil.go are the failures, journal.go the memory of calls,
// control.go the view from behind and disk.go what outlives the process.
package liqid
