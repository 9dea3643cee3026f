// Package liqid drives a Liqid Director of the software lines 2.4, 2.5, 3.2 and
// 3.4. Which one it is, and how it takes what the notes on the protocol leave
// open, is found out by asking and by watching.
//
// A director speaks JSON over HTTP. It keeps groups, machines that lie in a
// group, and devices that lie in no group, in a group, or in a machine of their
// group. Whoever changes what a group or a machine holds opens an edit session
// on it, queues devices, and commits; the director applies the queue then. The
// protocol, fact by fact with its sources, is the project's liqid-api.md;
// comments cite it by section.
//
// Start with [New]. A [Fabric] then is a [driver.Fabric], a [driver.Reserver]
// and a [driver.Watcher].
//
// How a picture is taken ([Fabric.Observe]): groups, machines and memberships
// are read twice, with the devices in between. Two equal readings mean that the
// world was as they say at the moment between them; where they differ, or name
// what is not there, they are read again, a bounded number of times.
//
// How a step is carried out ([Fabric.Apply]): look, judge, act, look. One
// session carries all devices of a step, both ways. Before it is committed its
// target is read again, so that nothing is committed that the step does not
// know; when anything fails the session is cancelled. Sessions are opened on
// this site's group and its machines only, and never overlap.
//
// What the protocol cannot guard: a director checks a call against what is so
// when it arrives, by numbers that its clients choose. Somebody who deletes one
// of our machines and makes another of the same number between our last look
// and our next call has that call aimed at their machine. The director's own
// rules refuse the devices then. A machine is deleted inside a session that
// keeps others from editing it, after a look inside that session; only where a
// director refuses to delete what is in edit without one, after one more look.
//
// The files: config.go is the way in; tls.go, signin.go, transport.go and
// places.go lie under the calls: certificates, who calls, how often, who goes
// first. calls.go makes them, answer.go reads what comes back, link.go waits for
// what a director took on, timing.go keeps how long it took and fault.go says
// what failures mean; wire.go reads values, records.go and sizes.go the records;
// era.go has the dialects, abilities.go finds out which; look.go, members.go,
// picture.go and details.go observe; apply.go judges and proves, session.go,
// pool.go, machine.go and power.go act, queued.go keeps what they are about;
// settle.go ends what was left, watch.go and sse.go listen; question.go keeps
// how a director was seen to take things, check.go tells it, probe.go tries the
// rest.
package liqid
