package composa

import "slices"

// SameShown says whether two pictures show the same, whenever they were taken.
func SameShown(p, q *Picture) bool {
	if p == nil || q == nil || p == q {
		return p == q
	}
	return p.Fabric == q.Fabric && p.Complete == q.Complete && sameScope(p.Scope, q.Scope) && sameAbilities(p.Abilities, q.Abilities) &&
		slices.Equal(p.Groups, q.Groups) &&
		slices.EqualFunc(p.Devices, q.Devices, sameDeviceShown) && slices.EqualFunc(p.Machines, q.Machines, sameMachineShown)
}

func sameScope(a, b Scope) bool {
	return slices.Equal(a.Devices, b.Devices) && slices.Equal(a.Machines, b.Machines) && slices.Equal(a.Labels, b.Labels)
}

func sameAbilities(a, b *Abilities) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	acts := slices.Equal(a.Acts, b.Acts)
	only := a.ReadOnly == b.ReadOnly || a.ReadOnly != nil && b.ReadOnly != nil && *a.ReadOnly == *b.ReadOnly
	return acts && only && a.Driver == b.Driver && a.Era == b.Era && a.Emulated == b.Emulated && a.Groups == b.Groups && a.Make == b.Make &&
		a.Reshape == b.Reshape && a.DetachSure == b.DetachSure && a.MaxDevices == b.MaxDevices && a.Push == b.Push && a.SettleTime == b.SettleTime
}

func sameDeviceShown(a, b SeenDevice) bool {
	return a.Name == b.Name && a.Kind == b.Kind && a.Fingerprint == b.Fingerprint && a.Unit == b.Unit && slices.Equal(a.Domains, b.Domains) &&
		a.Facts == b.Facts && a.Health == b.Health && a.Spot == b.Spot && sameHostShown(a.Host, b.Host)
}

func sameHostShown(a, b *Host) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	x, y := *a, *b
	x.At = y.At
	return x == y
}

func sameMachineShown(a, b SeenMachine) bool {
	return a.Native == b.Native && a.Label == b.Label && a.Group == b.Group && a.InOurs == b.InOurs && a.Created.Equal(b.Created) &&
		slices.Equal(a.Devices, b.Devices) && a.P2P == b.P2P && a.Power == b.Power
}
