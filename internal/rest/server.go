package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/internal/event"
)

// Store is what the routes need of the store.
type Store interface {
	// Version grows with every change of what the store holds.
	Version(ctx context.Context) (int64, error)
	TokenOwner(ctx context.Context, who composa.Who, hash []byte) (composa.Who, error)
	Identity(ctx context.Context, who composa.Who) (composa.Identity, error)
	Projects(ctx context.Context, who composa.Who) ([]composa.Project, error)
	Project(ctx context.Context, who composa.Who, name string) (*composa.Project, error)
	Principals(ctx context.Context, who composa.Who) ([]composa.Principal, error)
	Users(ctx context.Context, who composa.Who) ([]composa.User, error)
	User(ctx context.Context, who composa.Who, name string) (*composa.User, error)
	CreateUser(ctx context.Context, who composa.Who, name string, project composa.ProjectID) (*composa.User, error)
	Tokens(ctx context.Context, who composa.Who) ([]composa.Token, error)
	Token(ctx context.Context, who composa.Who, id composa.TokenID) (*composa.Token, error)
	AddToken(ctx context.Context, who composa.Who, k composa.Token, hash []byte) (*composa.Token, error)
	DeleteToken(ctx context.Context, who composa.Who, id composa.TokenID) error

	Site(ctx context.Context, who composa.Who) (*composa.Site, error)
	Machine(ctx context.Context, who composa.Who, project composa.ProjectID, name string) (*composa.Machine, error)
	MachineByID(ctx context.Context, who composa.Who, id composa.MachineID) (*composa.Machine, error)
	Freed(ctx context.Context, who composa.Who, project composa.ProjectID, name string, limit int) ([]composa.Machine, error)
	Operation(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error)
	// Explanation is why an operation chose as it did; nil where it chose nothing.
	Explanation(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Explanation, error)
	Operations(ctx context.Context, who composa.Who, f composa.OperationFilter, p composa.Page) ([]composa.Operation, string, error)
	Typical(ctx context.Context, who composa.Who, verb composa.Verb, fabric composa.FabricName) (time.Duration, bool, error)
	Plan(ctx context.Context, who composa.Who, id composa.PlanID) (*composa.Plan, error)
	// Request is the earlier request of the key of who asks; nil: there is none.
	Request(ctx context.Context, who composa.Who) (*composa.KeptRequest, error)
	// KeepRequest keeps the key of a request that changed nothing.
	KeepRequest(ctx context.Context, who composa.Who, result string) error
	Events(ctx context.Context, who composa.Who, after int64, limit int, f composa.EventFilter) ([]composa.Event, error)
	LastEvent(ctx context.Context, who composa.Who) (int64, error)
	Notify() (changed <-chan struct{}, cancel func())

	SetDevice(ctx context.Context, who composa.Who, id composa.DeviceID, revision int64, u composa.DeviceUpdate) (*composa.Device, error)
	CreatePool(ctx context.Context, who composa.Who, terms composa.PoolTerms, p composa.Pool, devices ...composa.DeviceID) (*composa.PoolChange, error)
	SetPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string, u composa.PoolUpdate) (*composa.PoolChange, error)
	DeletePool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string) (*composa.PoolChange, error)
	AddToPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string, devices []composa.DeviceID) (*composa.PoolChange, error)
	RemoveFromPool(ctx context.Context, who composa.Who, terms composa.PoolTerms, project composa.ProjectID, name string, devices []composa.DeviceID) (*composa.PoolChange, error)
}

// Requests takes what changes machines (internal/intake).
type Requests interface {
	Compose(ctx context.Context, who composa.Who, r composa.ComposeRequest) (*composa.Outcome, error)
	Free(ctx context.Context, who composa.Who, r composa.FreeRequest) (*composa.Outcome, error)
	Plug(ctx context.Context, who composa.Who, r composa.PlugRequest) (*composa.Outcome, error)
	Unplug(ctx context.Context, who composa.Who, r composa.UnplugRequest) (*composa.Outcome, error)
	Reshape(ctx context.Context, who composa.Who, r composa.ReshapeRequest) (*composa.Outcome, error)
	Move(ctx context.Context, who composa.Who, r composa.MoveRequest) (*composa.Outcome, error)

	CarryOut(ctx context.Context, who composa.Who, r composa.CarryOutRequest) (*composa.Outcome, error)

	Cancel(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error)
	Retry(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error)
	Undo(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error)
	Resolve(ctx context.Context, who composa.Who, id composa.OperationID) (*composa.Operation, error)
}

// Fabrics looks at a fabric right now, beside the inventory's own rhythm.
type Fabrics interface {
	Look(ctx context.Context, name composa.FabricName) (*composa.Picture, error)
	// Check asks a fabric what it is and how it takes things.
	Check(ctx context.Context, name composa.FabricName) ([]composa.Check, error)
	// Probe does as Check, and also tries what only trying tells; it records who
	// wanted that. It is asked of managed fabrics only.
	Probe(ctx context.Context, who composa.Who, name composa.FabricName) ([]composa.Check, error)
}

// Config is what a server is made of. Clock and Log may be nil.
type Config struct {
	Store    Store
	Requests Requests
	Fabrics  Fabrics
	Limits   Limits
	Version  string           // of the program, as GET /v1 tells it
	Clock    func() time.Time // nil: [time.Now]
	Log      *slog.Logger     // nil: nothing is logged
}

// Server answers requests. It is an [http.Handler].
type Server struct {
	Config
	api     huma.API
	handler http.Handler
	feed    *event.Feed // wakes waits and streams
	kept    kept
	nonce   string // tells the entity tags of this server from those of others

	underWay underWay // requests with a key
	signedIn signedIn // waits and streams

	streams *shares // of event streams
	waits   *shares // of calls that wait for an operation
	budgets *budgets
	looks   *shared[*composa.Picture]
	checks  *shared[[]composa.Check]
	probes  *shared[[]composa.Check]

	closing context.Context
	close   context.CancelCauseFunc

	mu   sync.Mutex     // held while busy grows, so that Close sees all of it
	busy sync.WaitGroup // waits and streams under way
}

// errStopping ends waits and streams when the server stops.
var errStopping = errors.New("the server is stopping")

func stopping() error {
	return composa.Errorf(composa.CodeUnavailable, "cannot answer: %w", errStopping).WithNext("ask again in a few seconds")
}

// New makes a server of its parts. Close ends what it holds open.
func New(c Config) *Server {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Limits = c.Limits.OrUsual()
	s := &Server{
		Config: c, nonce: composa.NewID("tag"), budgets: newBudgets(c.Limits),
		streams: newShares(c.Limits.Streams, c.Limits.StreamsEach), waits: newShares(c.Limits.Waits, c.Limits.WaitsEach),
		looks: newShared[*composa.Picture](), checks: newShared[[]composa.Check](), probes: newShared[[]composa.Check](),
	}
	s.closing, s.close = context.WithCancelCause(context.Background())
	if c.Store != nil { // a server that is made for its description only has none
		s.feed = event.New(c.Store, c.Log, s.heard)
	}
	mux := http.NewServeMux()
	s.api = newAPI(mux)
	for _, rt := range routes {
		rt.register(s, mux)
	}
	s.handler = s.number(s.find(mux))
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Handler is the server as what answers HTTP.
func (s *Server) Handler() http.Handler { return s }

// Close ends waits and event streams, as if their time had passed, and waits for
// them. Requests that come later are answered with unavailable. It is called
// before the HTTP server shuts down, which would wait for them.
func (s *Server) Close() {
	s.mu.Lock()
	s.close(errStopping)
	s.mu.Unlock()
	s.busy.Wait()
	if s.feed != nil {
		s.feed.Close()
	}
}

// hold returns a context that ends with ctx or when the server stops. done must
// be called; ok is false when the server has stopped already.
func (s *Server) hold(ctx context.Context) (held context.Context, done func(), ok bool) {
	s.mu.Lock()
	if ok = s.closing.Err() == nil; ok {
		s.busy.Add(1)
	}
	s.mu.Unlock()
	if !ok {
		return ctx, func() {}, false
	}
	held, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.closing, func() { cancel(errStopping) })
	return held, func() {
		stop()
		cancel(nil)
		s.busy.Done()
	}, true
}
