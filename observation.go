package composa

// Observation is what one look at a whole fabric, or its silence, comes to:
// decided by the inventory, applied by the store, whole or not at all.
type Observation struct {
	Fabric FabricName
	// Epoch is the tenure under which it happens; 0 is not checked. The store
	// answers moved when the fabric has another one.
	Epoch   int64
	Picture *Picture // nil: the fabric was silent
	Silent  string   // why it is silent; empty: it answers
	Parts   []PartChange
	Claims  []ClaimChange
}

// PartChange is a new state of one part, as far as observation owns it: name,
// kind, fingerprint, unit, domains, facts, health, hygiene, and the host where
// its source is the fabric. The rest of a part that is known stays as it is.
type PartChange struct {
	Device Device
	New    bool // it was never seen; Device.ID is its new id
	Gone   bool // it counts as taken out from now on
	Back   bool // it counted as taken out, and is there again
}
