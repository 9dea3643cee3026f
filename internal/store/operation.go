package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/composa-dev/composa"
)

const operationColumns = `id, project, principal, verb, message, phase, direction, machines, fabric, request, prior, target,
	behind, deadline, cancel_requested, reason, result, created_at, started_at, ended_at, revision`

func scanOperation(r row) (composa.Operation, error) {
	var op composa.Operation
	var request string
	var cancel int64
	err := r.Scan(&op.ID, &op.Project, &op.Principal, &op.Verb, &op.Message, &op.Phase, &op.Direction, jsonText{&op.Machines},
		&op.Fabric, &request, jsonText{&op.Prior}, jsonText{&op.Target}, &op.Behind, moment{&op.Deadline}, &cancel, &op.Reason,
		jsonText{&op.Result}, moment{&op.CreatedAt}, moment{&op.StartedAt}, moment{&op.EndedAt}, &op.Revision)
	op.CancelRequested = cancel != 0
	if request != "" {
		op.Request = json.RawMessage(request)
	}
	return op, err
}

func (t *tx) operations(where string, args ...any) ([]composa.Operation, error) {
	var out []composa.Operation
	err := t.each(func(r row) error {
		op, err := scanOperation(r)
		out = append(out, op)
		return err
	}, `SELECT `+operationColumns+` FROM operation WHERE `+where, args...)
	return out, err
}

// readOperations reads operations with their steps, and keeps them.
func (t *tx) readOperations(ids []composa.OperationID) ([]composa.Operation, error) {
	var out []composa.Operation
	for chunk := range slices.Chunk(ids, maxParameters) {
		which, args := in("id", chunk, nil)
		read, err := t.operations(which, args...)
		if err != nil {
			return nil, err
		}
		out = append(out, read...)
	}
	if err := t.withSteps(out); err != nil {
		return nil, err
	}
	for i := range out {
		is := out[i]
		t.keepOperation(&is)
	}
	return out, nil
}

// withSteps fills in the steps of operations.
func (t *tx) withSteps(ops []composa.Operation) error {
	index := make(map[composa.OperationID]*composa.Operation, len(ops))
	ids := make([]composa.OperationID, len(ops))
	for i := range ops {
		ids[i] = ops[i].ID
		index[ops[i].ID] = &ops[i]
	}
	for chunk := range slices.Chunk(ids, maxParameters) {
		which, args := in("operation", chunk, nil)
		err := t.each(func(r row) error {
			var id composa.OperationID
			var s composa.StepRecord
			err := r.Scan(&id, &s.Generation, &s.Ordinal, &s.Direction, jsonText{&s.Step}, jsonText{&s.Disturbs}, &s.State, &s.Attempt,
				moment{&s.BeganAt}, moment{&s.EndedAt}, &s.Evidence)
			if err == nil {
				index[id].Steps = append(index[id].Steps, s)
			}
			return err
		}, `SELECT operation, generation, ordinal, direction, body, disturbs, state, attempt, began_at, ended_at, evidence
			FROM step WHERE `+which+` ORDER BY operation, generation, ordinal`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// operation returns an operation with its steps, of a project that who asks may
// see.
func (t *tx) operation(id composa.OperationID) (*composa.Operation, error) {
	return t.operationBy(id, "")
}

func (t *tx) operationBy(id composa.OperationID, hold string) (*composa.Operation, error) {
	found, err := t.wholeOperations(`id = $1`+hold, string(id))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || !t.who.Sees(found[0].Project) {
		return nil, composa.Errorf(composa.CodeNotFound, "cannot find operation %q: there is none of that id", composa.Abridge(string(id), 40))
	}
	return &found[0], nil
}

// lockOperation holds the row of an operation for the rest of the transaction
// and reads it.
func (t *tx) lockOperation(id composa.OperationID) (*composa.Operation, error) {
	if t.remembers("operation", string(id)) {
		if kept := t.s.decoded.keptOperation(id, t.memory.operations[id]); kept != nil && t.who.Sees(kept.Project) {
			t.knowLeg(id, kept.leg)
			op := kept.Operation
			return &op, nil
		}
	}
	return t.operationBy(id, t.s.engine.hold)
}

// Operation returns an operation with its steps.
func (s *Store) Operation(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error) {
	var out *composa.Operation
	err := s.read(ctx, who, "read an operation", func(t *tx) (err error) {
		out, err = t.operation(id)
		return err
	})
	return out, err
}

// Operations returns operations, the newest first, without their steps, and the
// cursor of the next page; it is empty on the last one.
func (s *Store) Operations(ctx context.Context, who composa.Who, f composa.OperationFilter, p composa.Page) ([]composa.Operation, string, error) {
	if p.Limit <= 0 || p.Limit > maxPage {
		p.Limit = maxPage
	}
	var out []composa.Operation
	err := s.read(ctx, who, "list operations", func(t *tx) error {
		where, args, err := t.operationCondition(f, p)
		if err != nil {
			return err
		}
		args = append(args, p.Limit+1)
		out, err = t.operations(fmt.Sprintf("%s ORDER BY created_at DESC, id DESC LIMIT $%d", where, len(args)), args...)
		return err
	})
	if err != nil || len(out) <= p.Limit {
		return out, "", err
	}
	out = out[:p.Limit]
	last := out[p.Limit-1]
	return out, fmt.Sprintf("%d.%s", last.CreatedAt.UnixMicro(), last.ID), nil
}

func (t *tx) operationCondition(f composa.OperationFilter, p composa.Page) (string, []any, error) {
	where, args := []string{"1 = 1"}, []any(nil)
	if seen, more := t.visible("project", args); seen != "" {
		where, args = append(where, seen), more
	}
	equal := func(column, value string) {
		if value != "" {
			args = append(args, value)
			where = append(where, fmt.Sprintf("%s = $%d", column, len(args)))
		}
	}
	equal("project", string(f.Project))
	equal("verb", string(f.Verb))
	if f.Machine != "" {
		args = append(args, string(f.Machine))
		where = append(where, fmt.Sprintf("id IN (SELECT operation FROM operation_machine WHERE machine = $%d)", len(args)))
	}
	if f.Open {
		where = append(where, "ended_at IS NULL")
	}
	if len(f.Phases) > 0 {
		var any string
		any, args = in("phase", f.Phases, args)
		where = append(where, any)
	}
	if p.After != "" {
		at, id, ok := strings.Cut(p.After, ".")
		created, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return "", nil, composa.Errorf(composa.CodeInvalid, "cannot list operations: %q is not the end of a page", composa.Abridge(p.After, 40)).
				WithNext("pass on what the page before said comes next")
		}
		args = append(args, created, id)
		where = append(where, fmt.Sprintf("(created_at, id) < ($%d, $%d)", len(args)-1, len(args)))
	}
	return strings.Join(where, " AND "), args, nil
}

// typicalOf is how many operations Typical looks at.
const typicalOf = 9

// Typical tells how long operations of a verb took on a fabric: the median of
// the last nine that were done and never held: how long a person takes to decide
// says nothing about the next one. ok is false where there is none.
func (s *Store) Typical(ctx context.Context, who composa.Who, verb composa.Verb, fabric composa.FabricName) (took time.Duration, ok bool, err error) {
	var times []int64
	err = s.read(ctx, who, "read how long operations took", func(t *tx) error {
		args := []any{string(verb), string(fabric), typicalOf}
		where := "verb = $1 AND fabric = $2 AND phase = 'done' AND started_at IS NOT NULL" +
			" AND NOT EXISTS (SELECT 1 FROM event WHERE subject = operation.id AND type = 'operation.held')"
		if seen, more := t.visible("project", args); seen != "" {
			where, args = where+" AND "+seen, more
		}
		return t.each(func(r row) error {
			var micros int64
			err := r.Scan(&micros)
			times = append(times, micros)
			return err
		}, `SELECT ended_at - started_at FROM operation WHERE `+where+` ORDER BY ended_at DESC LIMIT $3`, args...)
	})
	if err != nil || len(times) == 0 {
		return 0, false, err
	}
	slices.Sort(times)
	return time.Duration(times[len(times)/2]) * time.Microsecond, true, nil
}

// tellOperation tells an operation's state: without what was asked, what was
// and what is to be, which the operation itself keeps.
func (t *tx) tellOperation(typ composa.EventType, op *composa.Operation) error {
	state := *op
	state.Steps, state.Request, state.Prior, state.Target = nil, nil, composa.Target{}, composa.Target{}
	cause := t.who.Request
	if cause == "" {
		cause = string(op.ID)
	}
	return t.tell(composa.Event{Type: typ, Project: op.Project, Subject: string(op.ID), Revision: op.Revision, OnBehalf: t.onBehalf(op), Cause: cause}, state)
}

// tellWritten tells of each operation that was written and of whose newest
// revision nothing was told: who waits for a newer one sleeps until an event of
// it comes.
func (t *tx) tellWritten() error {
	for _, op := range t.written {
		told := slices.ContainsFunc(t.told, func(e composa.Event) bool { return e.Subject == string(op.ID) && e.Revision == op.Revision })
		if told {
			continue
		}
		if err := t.tellOperation("operation.changed", op); err != nil {
			return err
		}
	}
	return nil
}

// onBehalf names who asked for op where somebody else acts now.
func (t *tx) onBehalf(op *composa.Operation) composa.PrincipalID {
	if op.Principal == t.who.Principal.ID {
		return ""
	}
	return op.Principal
}

// changeOperation writes what the progress of an operation changes. This
// transaction holds its row.
func (t *tx) changeOperation(op *composa.Operation) error {
	progress, err := t.progress(op)
	if err != nil {
		return err
	}
	return t.execStill(string(op.ID), `UPDATE operation SET `+progressColumns+` WHERE id = $11 AND revision = $12`,
		append(progress, string(op.ID), op.Revision-1)...)
}

// restateOperation writes of an operation also what it is about to do.
func (t *tx) restateOperation(op *composa.Operation) error {
	progress, err := t.progress(op)
	if err != nil {
		return err
	}
	texts, err := bodies(op.Machines, op.Prior, op.Target)
	if err != nil {
		return err
	}
	return t.execStill(string(op.ID), `UPDATE operation SET `+progressColumns+`, message = $11, machines = $12, fabric = $13, request = $14,
		prior = $15, target = $16, behind = $17 WHERE id = $18 AND revision = $19`, append(progress,
		op.Message, texts[0], string(op.Fabric), string(op.Request), texts[1], texts[2], string(op.Behind), string(op.ID), op.Revision-1)...)
}

const progressColumns = `phase = $1, direction = $2, deadline = $3, cancel_requested = $4, reason = $5, result = $6,
	started_at = $7, ended_at = $8, updated_at = $9, updated_by = $10, revision = revision + 1`

// progress are the values of progressColumns. op is of the next revision then.
func (t *tx) progress(op *composa.Operation) ([]any, error) {
	result := ""
	if op.Result != nil {
		var err error
		if result, err = body(op.Result); err != nil {
			return nil, err
		}
	}
	op.Revision++
	t.keepOperation(op)
	t.written = append(t.written, op)
	return []any{
		string(op.Phase), string(op.Direction), micros(op.Deadline), bit(op.CancelRequested), op.Reason, result,
		micros(op.StartedAt), micros(op.EndedAt), micros(t.now), string(t.who.Principal.ID),
	}, nil
}

// putLeg records where the operation's one leg stands, where it is not known to
// stand there.
func (t *tx) putLeg(op *composa.Operation, epoch int64) error {
	is := leg{op.Fabric, op.Phase, epoch}
	if op.Fabric == "" || t.legs[op.ID] == is {
		return nil
	}
	t.knowLeg(op.ID, is)
	return t.later(queued{query: `INSERT INTO leg (operation, fabric, state, epoch) VALUES ($1, $2, $3, $4)
		ON CONFLICT (operation, fabric) DO UPDATE SET state = excluded.state, epoch = excluded.epoch`,
		args: []any{string(op.ID), string(is.fabric), string(is.state), is.epoch}})
}

// putSteps adds step rows or brings them to a new state, and tells each state
// that is new.
func (t *tx) putSteps(op *composa.Operation, steps []composa.StepRecord) error {
	if len(steps) == 0 {
		return nil
	}
	rows := make([][]any, len(steps))
	for i := range steps {
		s := &steps[i]
		texts, err := bodies(s.Step, s.Disturbs)
		if err != nil {
			return err
		}
		rows[i] = []any{
			string(op.ID), s.Generation, s.Ordinal, string(s.Step.Fabric), string(s.Direction), string(s.Step.Act), texts[0], texts[1],
			string(s.Step.Lock), string(s.State), s.Attempt, micros(s.BeganAt), micros(s.EndedAt), s.Evidence,
		}
		was := stepState(op, s)
		if !forward(was, s.State) {
			return composa.Errorf(composa.CodeInternal, "cannot write step %d.%d of %s: it is %s and cannot be %s", s.Generation, s.Ordinal, op.ID, was, s.State)
		}
		if was != s.State {
			event := composa.Event{
				Type: composa.EventType("step." + string(s.State)), Project: op.Project, Subject: string(op.ID),
				Revision: op.Revision, OnBehalf: t.onBehalf(op), Cause: string(op.ID),
			}
			if err := t.tell(event, s); err != nil {
				return err
			}
		}
	}
	err := t.insert("step", "operation, generation, ordinal, fabric, direction, act, body, disturbs, lock, state, attempt, began_at, ended_at, evidence",
		`ON CONFLICT (operation, generation, ordinal) DO UPDATE SET fabric = excluded.fabric, direction = excluded.direction, act = excluded.act,
			body = excluded.body, disturbs = excluded.disturbs, lock = excluded.lock, state = excluded.state, attempt = excluded.attempt,
			began_at = excluded.began_at, ended_at = excluded.ended_at, evidence = excluded.evidence`, rows, nil)
	op.Steps = withRows(op.Steps, steps)
	return err
}

// withRows are the steps of an operation after some were written, in order and
// as they are read again.
func withRows(have, written []composa.StepRecord) []composa.StepRecord {
	out := slices.Clone(have)
	for _, s := range written {
		s.BeganAt, s.EndedAt, s.Step.Show = stored(s.BeganAt), stored(s.EndedAt), composa.Scope{}
		same := func(r composa.StepRecord) bool { return r.Generation == s.Generation && r.Ordinal == s.Ordinal }
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i] = s
		} else {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b composa.StepRecord) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	return out
}

// stepState is the state in which op has the step that s is to be; empty where
// it has none.
func stepState(op *composa.Operation, s *composa.StepRecord) composa.StepState {
	for i := range op.Steps {
		if op.Steps[i].Generation == s.Generation && op.Steps[i].Ordinal == s.Ordinal {
			return op.Steps[i].State
		}
	}
	return ""
}

// forward says whether a step may go from one state to another.
func forward(was, is composa.StepState) bool {
	rank := map[composa.StepState]int{"": 0, composa.StepPlanned: 1, composa.StepRunning: 2, composa.StepDone: 3, composa.StepFailed: 3}
	return was == is || rank[is] > rank[was]
}
