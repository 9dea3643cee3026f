package api

import "time"

// Operation is something asked for being carried out.
type Operation struct {
	ID              string             `json:"id" example:"op_k3v9q2xwabcdefgh"`
	Verb            string             `json:"verb" enum:"compose,free,plug,unplug,reshape,move"`
	Phase           string             `json:"phase" enum:"queued,running,waiting,undoing,done,undone,cancelled,held"`
	Direction       string             `json:"direction" enum:"forward,undo"`
	Project         string             `json:"project"`
	Principal       string             `json:"principal" doc:"Who asked"`
	Message         string             `json:"message,omitempty"`
	Machines        []OperationMachine `json:"machines"`
	Fabric          string             `json:"fabric,omitempty"`
	Emulated        bool               `json:"emulated,omitempty"`
	Behind          string             `json:"behind,omitempty" doc:"The operation that it waits for"`
	CancelRequested bool               `json:"cancelRequested,omitempty"`
	Reason          string             `json:"reason,omitempty" doc:"Why it waits, is undone or held"`
	Result          *Result            `json:"result,omitempty"`
	Steps           []Step             `json:"steps"`
	Typical         float64            `json:"typical,omitempty" doc:"Seconds that the like of it took lately; absent where there was none"`
	Explanation     *Explanation       `json:"explanation,omitempty" doc:"The account of the choice, in the answer to a request with explain"`
	Deadline        *time.Time         `json:"deadline,omitempty"`
	CreatedAt       time.Time          `json:"createdAt"`
	StartedAt       *time.Time         `json:"startedAt,omitempty"`
	EndedAt         *time.Time         `json:"endedAt,omitempty"`
	Revision        int64              `json:"revision"`
}

// OperationMachine is a machine that an operation changes.
type OperationMachine struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Result is how an operation ended.
type Result struct {
	Code  string   `json:"code,omitempty" doc:"Absent when it was done; done with a text: a person resolved it"`
	Text  string   `json:"text"`
	Where []string `json:"where,omitempty" doc:"Held or resolved: what is where"`
	Ways  []string `json:"ways,omitempty" doc:"Held: what a person can do"`
}

// Step is one act on one fabric.
type Step struct {
	Generation int        `json:"generation,omitempty" doc:"A plan that is made again gets a new one"`
	Ordinal    int        `json:"ordinal"`
	Act        string     `json:"act" example:"reshape"`
	Text       string     `json:"text" example:"attach rack1/gpu0, rack1/gpu1 to train"`
	Machine    string     `json:"machine,omitempty"`
	Attach     []string   `json:"attach,omitempty"`
	Detach     []string   `json:"detach,omitempty"`
	Direction  string     `json:"direction,omitempty"`
	Disturbs   []string   `json:"disturbs,omitempty" doc:"host, power, data, p2p"`
	State      string     `json:"state,omitempty" enum:"planned,running,done,failed"`
	Attempt    int        `json:"attempt,omitempty"`
	BeganAt    *time.Time `json:"beganAt,omitempty"`
	EndedAt    *time.Time `json:"endedAt,omitempty"`
	Evidence   string     `json:"evidence,omitempty"`
}

// Operations is a page of operations, newest first, without their steps.
type Operations struct {
	Items []Operation `json:"items"`
	Page
}

// NewPlan asks for the plan of a request without carrying anything out. Exactly
// one of the requests is set, that of the verb.
type NewPlan struct {
	Verb    string       `json:"verb" enum:"compose,free,plug,unplug,reshape,move"`
	Project string       `json:"project,omitempty" example:"default"`
	Machine string       `json:"machine" example:"train" doc:"Its name; of one that exists also its id"`
	Compose *PutMachine  `json:"compose,omitempty"`
	Free    *FreeMachine `json:"free,omitempty"`
	Plug    *Plug        `json:"plug,omitempty"`
	Unplug  *Unplug      `json:"unplug,omitempty"`
	Reshape *Reshape     `json:"reshape,omitempty"`
	Move    *Move        `json:"move,omitempty"`
}

// CarryOut asks that a stored plan be carried out.
type CarryOut struct {
	Plan string `json:"plan" maxLength:"63" example:"plan_k3v9q2xwabcdefgh" doc:"Id of the plan"`
	Ask
}

// PlanMachine is what a plan makes of one machine.
type PlanMachine struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Exists  bool            `json:"exists" doc:"False where the plan frees it"`
	Devices []MachineDevice `json:"devices"`
}

// Plan is what would be done.
type Plan struct {
	ID         string          `json:"id"`
	Verb       string          `json:"verb"`
	Project    string          `json:"project"`
	Machine    string          `json:"machine"`
	Fabric     string          `json:"fabric,omitempty"`
	Emulated   bool            `json:"emulated,omitempty"`
	Devices    []MachineDevice `json:"devices" doc:"What the machine would be made of; empty for a machine that is freed"`
	Machines   []PlanMachine   `json:"machines" doc:"What becomes of each machine that it changes; a move changes two"`
	Steps      []Step          `json:"steps"`
	Disturbs   []string        `json:"disturbs" doc:"What in use it disturbs: host, power, data, p2p"`
	NeedsOwner []string        `json:"needsOwner,omitempty" doc:"Drives that may hold data and are left alone"`
	Why        []string        `json:"why,omitempty" doc:"Why this fabric and these devices"`
	// Explanation is the whole account of it.
	Explanation *Explanation `json:"explanation,omitempty" doc:"The account of the choice; absent where nothing had to be chosen"`
	Typical     float64      `json:"typical,omitempty" doc:"Seconds that the like of it took lately"`
	CreatedAt   time.Time    `json:"createdAt"`
	ExpiresAt   time.Time    `json:"expiresAt"`
	Operation   string       `json:"operation,omitempty" doc:"The operation that carries it out, or did"`
}
