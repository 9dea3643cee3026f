// Package sim runs the whole loop of Composa on one goroutine, in random order,
// with everything going wrong that can, and tells when something that must
// always hold does not.
//
//	requests ─► intake ─► store ─► runner.Next ─► calls ─► driver ─► memory.World
//	                        ▲          inventory.Next ◄─ looks ┘          ▲
//	                        └── the server is killed at any point      rivals
//
// All parts are the real ones; only time, chance and the order of things are
// the simulator's. A seed decides all of it, so a seed repeats a failure: the
// test prints it, and COMPOSA_SIM_SEED=n runs that one again.
//
// The files: sim.go what there is and what can happen next, requests.go what
// people ask, rival.go what others do on the same fabric, truth.go what must
// hold, drain.go how it ends.
package sim
