package rest

import (
	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/api"
)

// ChangeInput is what every call takes that changes a machine, or asks for the
// operation that does.
type ChangeInput struct {
	WaitInput
	Explain bool `query:"explain" doc:"Tell in the answer why this fabric and these devices"`
}

// explain puts the account of what was chosen into an answer.
func (o *changeOutput) explain(x *composa.Explanation) {
	switch body := o.Body.(type) {
	case *api.Machine:
		body.Explanation = explanationToAPI(x)
	case *api.Operation:
		body.Explanation = explanationToAPI(x)
	}
}

// explanationToAPI is the account of a choice or a refusal as it is shown; nil
// for none.
func explanationToAPI(x *composa.Explanation) *api.Explanation {
	if x == nil {
		return nil
	}
	out := &api.Explanation{
		Text: x.Text, Lines: x.Lines(), Fabric: string(x.Fabric), Fabrics: []api.FabricAccount{}, MoreFabrics: x.MoreFabrics, Cut: x.Cut,
		Nearest: nearestToAPI(x.Nearest),
	}
	if out.Lines == nil {
		out.Lines = []string{}
	}
	for _, c := range x.Chosen {
		out.Chosen = append(out.Chosen, api.ChosenEntry{Entry: c.Entry, Kind: string(c.Kind), Places: texts(c.Places), Why: c.Why})
	}
	for i := range x.Fabrics {
		out.Fabrics = append(out.Fabrics, fabricAccountToAPI(&x.Fabrics[i]))
	}
	if e := x.Earliest; e != nil {
		out.Earliest = &api.Earliest{Fabric: string(e.Fabric), Operations: texts(e.Operations), Others: e.Others, At: moment(e.At)}
	}
	return out
}

func fabricAccountToAPI(f *composa.FabricAccount) api.FabricAccount {
	out := api.FabricAccount{
		Fabric: string(f.Fabric), Reason: f.Reason, Fits: f.Fits, Against: f.Against, MoreEntries: f.MoreEntries,
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		ae := api.EntryAccount{Entry: e.Entry, Kind: string(e.Kind), Wanted: e.Wanted, Had: e.Had, Left: e.Left, Lost: []api.Removed{}}
		for _, l := range e.Lost {
			ae.Lost = append(ae.Lost, removedToAPI(l))
		}
		out.Entries = append(out.Entries, ae)
	}
	return out
}

func removedToAPI(l composa.Removed) api.Removed {
	out := api.Removed{Condition: l.Condition, Count: l.Count}
	if n := l.Near; n != nil {
		out.Near = &api.NearMiss{Kind: string(n.Kind), Field: n.Field, Operator: n.Operator, Want: n.Want, Least: n.Least, Most: n.Most, Text: n.Text}
	}
	return out
}

func nearestToAPI(n *composa.Nearest) *api.Nearest {
	if n == nil {
		return nil
	}
	out := &api.Nearest{
		Fabric: string(n.Fabric), Counts: map[string]int{}, Devices: wantsToAPI(n.Entries), Pool: n.Pool,
		Relaxed: []api.Relaxed{}, Text: n.Text, Write: n.Write,
	}
	for k, count := range n.Counts {
		out.Counts[string(k)] = count
	}
	for _, r := range n.Relaxed {
		out.Relaxed = append(out.Relaxed, api.Relaxed{Entry: r.Entry, What: r.What, From: r.From, To: r.To})
	}
	return out
}
