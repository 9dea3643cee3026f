package neighbour

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// dialect is in what the eras differ for us (liqid-api.md 4).
type dialect struct {
	era     string  // as told: 2.4, or the first two numbers of a component's version
	classes []class // of devices
	three   bool    // 3.x: filter, coordinates, digests, power by path
	first   bool    // before 2.5: cid in queries, fabric/cancel
}

// meet finds out era and place of the director, and signs in.
func (n *Neighbour) meet(ctx context.Context) error {
	version, err := n.call(ctx, http.MethodGet, "version", nil)
	if err != nil {
		return err
	}
	_, err = n.call(ctx, http.MethodGet, "device/info/gpu", nil) // 3.x alone has it
	if err != nil && !absent(err) {
		return err
	}
	if n.dialect, err = dialectOf(version.data, err == nil); err != nil {
		return err
	}
	n.report.Era = n.dialect.era
	if n.dialect.three && n.config.User != "" {
		if err := n.signIn(ctx); err != nil {
			return err
		}
	}
	if n.dialect.three {
		all, err := get[coordinates](ctx, n, "coordinates")
		if err != nil {
			return err
		}
		if len(all) != 1 {
			return fmt.Errorf("the director has %d default coordinates", len(all))
		}
		n.at = all[0]
	}
	a, err := n.call(ctx, http.MethodGet, "fabric/id", nil)
	if err != nil {
		return err
	}
	raw, err := one(a.data)
	if err != nil {
		return err
	}
	n.fabric, err = id(raw)
	return err
}

// dialectOf reads the version, which before 2.5 is one record of daemons and
// since then one record for each component (1.4). That there are lists of
// details tells 3.x from 2.x.
func dialectOf(version []json.RawMessage, details bool) (dialect, error) {
	if len(version) == 0 {
		return dialect{}, fmt.Errorf("the director tells no version")
	}
	var record struct {
		Component string `json:"component"`
		Version   string `json:"version"`
		Daemon    *struct {
			Major int `json:"major"`
			Minor int `json:"minor"`
		} `json:"liqmgt-version"`
	}
	if err := json.Unmarshal(version[0], &record); err != nil {
		return dialect{}, fmt.Errorf("cannot read version %s: %w", version[0], err)
	}
	d := dialect{classes: []class{compute, gpu, storage, network, fpga}, three: details}
	if details {
		d.classes = append(d.classes, memory)
	}
	switch {
	case record.Daemon != nil && !details:
		d.first = true
		d.era = fmt.Sprintf("%d.%d", record.Daemon.Major, record.Daemon.Minor)
	case record.Component != "" && record.Version != "":
		parts := strings.SplitN(record.Version, ".", 3)
		d.era = strings.Join(parts[:min(2, len(parts))], ".")
	default:
		return dialect{}, fmt.Errorf("version %s is of no shape that is known", version[0])
	}
	return d, nil
}

// signIn makes a new key under our label, as the vendor's clients do: an older
// one of that label is dropped first, whatever comes of it (2.14).
func (n *Neighbour) signIn(ctx context.Context) error {
	path := "digest/" + n.config.Prefix
	_, _, _ = n.send(ctx, http.MethodDelete, path, nil, true) // there may be none
	a, _, err := n.send(ctx, http.MethodPost, path, nil, true)
	if err != nil {
		return fmt.Errorf("cannot sign in: %w", err)
	}
	raw, err := one(a.data)
	if err != nil {
		return err
	}
	var d struct {
		Key string `json:"digest_key"`
	}
	if err := json.Unmarshal(raw, &d); err != nil || d.Key == "" {
		return fmt.Errorf("a digest without a key came: %s", raw)
	}
	n.key = d.Key
	return nil
}

// free is where the free devices of a class are listed (2.8).
func (d dialect) free(c class) string {
	if d.three {
		return "status/" + c.list + "?filter=true"
	}
	return "status/" + c.list
}

// all is where every device of a class is listed; 2.x lists all classes
// together.
func (d dialect) all(c class) string {
	if d.three {
		return "status/" + c.list + "?filter=false"
	}
	return "status"
}

func (d dialect) groupKey() string {
	if d.first {
		return "cid"
	}
	return "grp_id"
}

// members is where the devices of a group are listed, of one machine where it is
// not 0 (2.4).
func (d dialect) members(group, machine int) string {
	path := "predevice?" + d.groupKey() + "=" + strconv.Itoa(group)
	if machine != 0 {
		path += "&mach_id=" + strconv.Itoa(machine)
	}
	return path
}

// cancel is how an edit of a machine is ended without effect.
func (d dialect) cancel() string {
	if d.first {
		return "fabric/cancel"
	}
	return "fabric/edit/cancel"
}
