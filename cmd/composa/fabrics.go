package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/composa-dev/composa"
	"github.com/composa-dev/composa/driver"
	"github.com/composa-dev/composa/driver/liqid"
	"github.com/composa-dev/composa/internal/inventory"
	"github.com/composa-dev/composa/internal/runner"
	"github.com/composa-dev/composa/internal/store"
)

// Bounds of what somebody waits for.
const (
	lookTime  = 30 * time.Second
	probeTime = 5 * time.Minute // some commits
)

// drivers are the drivers that a configuration can name.
var drivers = map[string]func(site composa.SiteID, c FabricConfig) (driver.Fabric, error){
	"liqid": func(site composa.SiteID, c FabricConfig) (driver.Fabric, error) {
		credentials, err := c.credentials()
		if err != nil {
			return nil, err
		}
		authorities, err := c.authorities()
		if err != nil {
			return nil, err
		}
		return liqid.New(liqid.Config{
			Name: composa.FabricName(c.Name), URL: c.URL, Site: site, Access: composa.Access(c.Access),
			Era: string(c.Era), Credentials: credentials, CA: authorities,
			Limits:   liqid.Limits{Concurrent: c.Limits.Concurrent, PerSecond: c.Limits.PerSecond, Gap: time.Duration(c.Limits.Gap)},
			Timeouts: liqid.Timeouts{Late: c.settle()},
		})
	},
}

func driverNames() []string { return slices.Sorted(maps.Keys(drivers)) }

// fabrics are the running fabrics of a server.
type fabrics struct {
	byName map[composa.FabricName]*fabric
	absent []*fabric // known to the store, and not configured any more
	record probeRecord
}

// fabric is one of them: its driver, who looks at it and who changes it.
type fabric struct {
	name      composa.FabricName
	access    composa.Access
	epoch     int64 // of the tenure
	driver    driver.Fabric
	inventory *inventory.Inventory
	runner    *runner.Runner
}

// openFabrics records the configured fabrics, takes their tenures and prepares
// their parts. It calls no director.
func openFabrics(ctx context.Context, s *store.Store, c *Config, server string, log *slog.Logger) (*fabrics, error) {
	system := composa.System()
	identity, err := s.Identity(ctx, system)
	if err != nil {
		return nil, err
	}
	fs := &fabrics{byName: map[composa.FabricName]*fabric{}, record: s}
	var configured []composa.Fabric
	for _, fc := range c.Fabrics {
		d, err := openDriver(identity.Site, fc, log)
		if err != nil {
			return nil, err
		}
		recorded := fc.recorded()
		fs.byName[recorded.Name] = &fabric{name: recorded.Name, access: recorded.Access, driver: d}
		configured = append(configured, recorded)
	}
	tenures, gone, err := s.TakeFabrics(ctx, system, configured, server)
	if err != nil {
		return nil, err
	}
	for i := range configured {
		fs.byName[configured[i].Name].staff(s, tenures[configured[i].Name], configured[i].Every, log)
	}
	for _, name := range gone {
		fs.absent = append(fs.absent, absentFabric(s, name, tenures[name], log))
	}
	return fs, s.SetHosts(ctx, system, hostEntries(c.Hosts))
}

func openDriver(site composa.SiteID, c FabricConfig, log *slog.Logger) (driver.Fabric, error) {
	d, err := drivers[c.Driver](site, c)
	if err == nil && c.bare() {
		log.Warn("the password for this fabric's director travels unencrypted", "fabric", c.Name, "url", c.URL)
	}
	return d, err
}

// recorded is a configured fabric as the store has it.
func (c FabricConfig) recorded() composa.Fabric {
	return composa.Fabric{
		Name: composa.FabricName(c.Name), Driver: c.Driver, URL: c.URL, Source: "config", Access: composa.Access(c.Access),
		Keep: c.Return == "keep", Every: time.Duration(c.Observe.Every),
	}
}

// staff prepares who looks at a fabric and who changes it.
func (f *fabric) staff(s *store.Store, epoch int64, every time.Duration, log *slog.Logger) {
	f.epoch = epoch
	f.inventory = inventory.New(inventory.Config{Fabric: f.name, Driver: f.driver, Store: s, Epoch: epoch, Every: every, Log: log})
	f.runner = runner.New(runner.Config{Fabric: f.name, Driver: f.driver, Store: s, Epoch: epoch, Nudge: f.inventory.Nudge, Log: log})
}

// absentFabric has somebody who looks after what is under way on a fabric that
// the configuration does not name any more.
func absentFabric(s *store.Store, name composa.FabricName, epoch int64, log *slog.Logger) *fabric {
	f := &fabric{name: name, driver: absent{name}}
	f.runner = runner.New(runner.Config{Fabric: name, Driver: f.driver, Store: s, Epoch: epoch, Log: log})
	return f
}

func hostEntries(hosts []HostConfig) []composa.HostEntry {
	out := make([]composa.HostEntry, 0, len(hosts))
	for _, h := range hosts {
		out = append(out, composa.HostEntry{
			Serial: h.Serial, IPMI: h.IPMI, Place: composa.Place(h.Place), Address: h.Address, Login: h.Login,
		})
	}
	return out
}

// run starts every fabric's loops. One that is only observed has a runner too:
// its driver refuses every step, which is how what was under way there ends.
func (fs *fabrics) run(ctx context.Context, goRun func(part string, f func() error)) {
	for _, name := range slices.Sorted(maps.Keys(fs.byName)) {
		f := fs.byName[name]
		goRun(fmt.Sprintf("inventory of %s", name), func() error { return f.inventory.Run(ctx) })
		goRun(fmt.Sprintf("runner of %s", name), func() error { return f.runner.Run(ctx) })
	}
	for _, f := range fs.absent {
		goRun(fmt.Sprintf("runner of %s", f.name), func() error { return f.runner.Run(ctx) })
	}
}

// Look asks a fabric what it shows right now.
func (fs *fabrics) Look(ctx context.Context, name composa.FabricName) (*composa.Picture, error) {
	f := fs.byName[name]
	if f == nil {
		return nil, composa.Errorf(composa.CodeUnreachable, "cannot look at %s: it is not in this server's configuration", name)
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return f.look(ctx)
}

// look asks the driver. Where it answers, a fabric that was silent is looked at
// for everybody.
func (f *fabric) look(ctx context.Context) (*composa.Picture, error) {
	p, err := f.driver.Observe(ctx, composa.Scope{})
	if err == nil {
		f.inventory.Nudge()
	}
	return p, err
}
