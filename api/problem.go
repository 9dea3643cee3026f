package api

// Problem is every answer that is not a success (RFC 9457,
// application/problem+json).
type Problem struct {
	Type   string `json:"type,omitempty" doc:"about:blank"`
	Title  string `json:"title" example:"Conflict"`
	Status int    `json:"status" example:"409"`
	// Detail begins with what could not be done.
	Detail    string         `json:"detail" example:"cannot plug \"train\": rack1/gpu3 is claimed"`
	Next      string         `json:"next,omitempty" doc:"What to do about it"`
	Code      string         `json:"code" example:"refused" doc:"Stable; for programs"`
	Retryable bool           `json:"retryable" doc:"The same call may succeed if it is just made again"`
	Request   string         `json:"request,omitempty" doc:"Id of the request, as in the log"`
	Operation string         `json:"operation,omitempty" doc:"The operation that this came of"`
	Errors    []ProblemPlace `json:"errors,omitempty" doc:"What is wrong where in the request: the first 20, then how many more"`
	Refusal   *Explanation   `json:"refusal,omitempty" doc:"Code refused: what each condition removed, and what would fit"`
	Moved     []Moved        `json:"moved,omitempty" doc:"Code moved, of a plan: what is not as it was"`
}

// Moved is one thing that is not any more as a plan found it.
type Moved struct {
	What      string `json:"what" enum:"machine,device,fabric,pool,site,steps"`
	Subject   string `json:"subject" example:"rack1/gpu3" doc:"Name of the machine, pool or fabric, or the place"`
	Text      string `json:"text" example:"rack1/gpu3 is claimed by \"render\""`
	By        string `json:"by,omitempty" doc:"Who changed it, where that is known"`
	Operation string `json:"operation,omitempty" doc:"The operation that changed it, where that is known"`
}

// ProblemPlace is one thing that is wrong with a request.
type ProblemPlace struct {
	Location string `json:"location" example:"body.devices[1].count"`
	Message  string `json:"message"`
	Line     int    `json:"line,omitempty" example:"1" doc:"Of a condition: the line where it is wrong, from 1"`
	Column   int    `json:"column,omitempty" example:"8" doc:"Of a condition: the character of that line, from 1"`
}
