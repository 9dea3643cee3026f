// Package replay measures what Composa costs beside the hardware.
//
// It holds benchmarks and tests only. A whole server (its REST interface, a
// store in a file that is synced, intake, inventory, runner and the Liqid
// driver) works on emulated directors over loopback HTTP, and beside it a plain
// net/http client makes the shortest legal sequence of calls that comes to the
// same on directors of the same seed, whose nth commits take equally long:
//
//	compose  ids (group, devices, a machine number), side by side
//	         pool/edit, a predevice each, pool/done, one confirming round
//	         machine
//	         fabric/edit, a relate each, fabric/reprogram, one confirming round
//	         power/start, one confirming round
//	free     ids (group, devices, machine), side by side
//	         power/shutdown, one confirming round
//	         fabric/edit, a relate each, fabric/reprogram, one confirming round
//	         machine deleted, one confirming round
//	         pool/edit, a predevice each, pool/done, one confirming round
//
// A confirming round is two reads side by side (machine, predevice), of power
// one (node/status). Legal is what liqid-api.md 3 asks for, and that a machine
// is emptied device by device before it is deleted, so that nothing goes with it
// that nobody named. The bare client makes no mistake, waits for no lock, asks
// nobody, keeps nothing, and does not look whether somebody else acts.
package replay
