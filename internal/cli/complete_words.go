package cli

import (
	"slices"

	"github.com/spf13/cobra"
)

// minFields are the fields of a kind of which a least may be asked with --min.
// The server knows the same; a test compares them.
var minFields = map[string][]string{
	"cpu": {"memory", "cores", "threads", "lanes"},
	"gpu": {"memory", "lanes"}, "fpga": {"memory", "lanes"},
	"ssd": {"size", "lanes"}, "scm": {"size", "lanes"}, "memory": {"memory", "size", "lanes"},
	"nic": {"speed", "lanes"},
}

// whereFields are the attributes of a device in an expression, with what they
// are. The server knows the same; a test compares them.
var whereFields = []offer{
	{word: "kind", about: "cpu, gpu, ssd, …"}, {word: "model", about: "text"}, {word: "vendor", about: "text"},
	{word: "fabric", about: "name"}, {word: "place", about: "FABRIC/NAME"}, {word: "switch", about: "text"},
	{word: "lanes", about: "PCIe lanes"}, {word: "health", about: "ok, degraded, failed, missing"}, {word: "free", about: "true or false"},
	{word: "labels", about: "text by key"}, {word: "memory", about: "bytes"}, {word: "size", about: "bytes of a drive"},
	{word: "cores", about: "of a processor"}, {word: "threads", about: "of a processor"}, {word: "speed", about: "bits per second"},
}

// eventTypes are the types of events. New ones may appear; a test compares them
// with those that there are.
var eventTypes = []string{
	"claim.changed", "claim.closed", "claim.opened", "claim.released",
	"device.added", "device.changed", "device.cordoned", "device.failed", "device.gone", "device.moved", "device.replaced", "device.returned", "device.uncordoned", "device.used",
	"fabric.added", "fabric.answered", "fabric.changed", "fabric.probed", "fabric.probing", "fabric.silent",
	"machine.changed", "machine.changing", "machine.composing", "machine.degraded", "machine.freed", "machine.freeing", "machine.held", "machine.lost", "machine.queued", "machine.ready", "machine.stale",
	"operation.cancel_requested", "operation.cancelled", "operation.changed", "operation.done", "operation.held", "operation.queued", "operation.running", "operation.undoing", "operation.undone", "operation.waiting",
	"pool.changed", "pool.created", "pool.deleted",
	"step.done", "step.failed", "step.planned", "step.running",
	"token.created", "token.deleted", "user.created",
}

// completeMin completes KIND.FIELD= of --min.
func completeMin(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	var offers []offer
	for i, k := range kinds {
		for _, f := range minFields[k] {
			offers = append(offers, offer{word: k + "." + f + "=", about: minExamples[f], rank: i})
		}
	}
	return offered(begin, offers, open)
}

var minExamples = map[string]string{
	"memory": "40GB, 40Gi, …", "size": "960GB, 2TB, …", "speed": "100Gb, …", "cores": "a number", "threads": "a number", "lanes": "a number",
}

// completeColumns completes the list of --columns with those of the command's
// table.
func completeColumns(cmd *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	head, _ := lastOfList(begin)
	var offers []offer
	for i, c := range columnsOf(cmd) {
		if !named(head, c) {
			offers = append(offers, offer{word: head + c, rank: i})
		}
	}
	return offered(begin, offers, open)
}

// columnsOf are the columns that a command can show; none where it shows no
// table.
func columnsOf(cmd *cobra.Command) []string {
	noun, verb := cmd.Name(), ""
	if cmd.HasParent() && cmd.Parent().HasParent() {
		noun, verb = cmd.Parent().Name(), cmd.Name()
	}
	if verb != "" && noun == "fabric" && (verb == "check" || verb == "inventory") {
		return nil
	}
	switch {
	case noun == "available":
		return availableTable.columnNames()
	case noun == "device":
		return deviceTable.columnNames()
	case noun == "fabric":
		return fabricTable.columnNames()
	case noun == "pool":
		return poolTable.columnNames()
	case noun == "operation":
		return operationTable.columnNames()
	case noun == "event":
		return eventTable.columnNames()
	case noun == "user":
		return userTable.columnNames()
	case noun == "token":
		return tokenTable.columnNames()
	case noun == "whoami":
		return whoamiTable.columnNames()
	case noun == "context":
		return contextTable.columnNames()
	case noun == "machine", slices.Contains([]string{"compose", "free", "plug", "unplug", "reshape", "move"}, noun):
		return machineTable.columnNames()
	}
	return nil
}
