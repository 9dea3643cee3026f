package composa

import (
	"reflect"
	"testing"
	"time"
)

// Every field of a picture but the times of looking tells two pictures apart.
func TestSameShown(t *testing.T) {
	whole := func() *Picture {
		at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
		return &Picture{
			Fabric: "rack1", Began: at, Ended: at, Complete: true, Scope: Scope{Devices: []string{"a"}, Machines: []string{"b"}, Labels: []string{"c"}},
			Abilities: &Abilities{Driver: "liqid", Acts: []Act{ActMake}, ReadOnly: &ReadOnly{Why: "x"}},
			Groups:    []SeenGroup{{Native: "1"}},
			Devices:   []SeenDevice{{Name: "gpu0", Domains: []string{"d"}, Host: &Host{Address: "a", At: at}, Seen: at}},
			Machines:  []SeenMachine{{Native: "7", Devices: []string{"gpu0"}, Created: at, Seen: at}},
		}
	}
	times := map[string]bool{"Picture.Began": true, "Picture.Ended": true, "Picture.Looks": true, "SeenDevice.Seen": true, "SeenMachine.Seen": true, "Host.At": true}
	changed := 0
	var each func(path string, get func(*Picture) reflect.Value)
	each = func(path string, get func(*Picture) reflect.Value) {
		v := get(whole())
		if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() {
			for i := range v.NumField() {
				each(v.Type().Name()+"."+v.Type().Field(i).Name, func(p *Picture) reflect.Value { return get(p).Field(i) })
			}
			return
		}
		if v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice && v.Len() > 0 && v.Type().Elem().Kind() == reflect.Struct {
			inside := func(v reflect.Value) reflect.Value { return v.Elem() }
			if v.Kind() == reflect.Slice {
				inside = func(v reflect.Value) reflect.Value { return v.Index(0) }
			}
			each(path, func(p *Picture) reflect.Value { return inside(get(p)) })
			p := whole()
			get(p).SetZero()
			if SameShown(whole(), p) || SameShown(p, whole()) {
				t.Errorf("without %s two pictures are the same", path)
			}
			return
		}
		p := whole()
		alter(t, get(p))
		changed++
		if got := SameShown(whole(), p); got != times[path] {
			t.Errorf("with another %s: same %v, want %v", path, got, times[path])
		}
	}
	each("Picture", func(p *Picture) reflect.Value { return reflect.ValueOf(p).Elem() })
	if changed < 40 {
		t.Errorf("only %d fields were changed", changed)
	}
	if !SameShown(whole(), whole()) || !SameShown(nil, nil) || SameShown(nil, whole()) {
		t.Error("the same is not the same")
	}
}

// alter gives a value another one.
func alter(t *testing.T, v reflect.Value) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Second)))
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "!")
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.CanFloat():
		v.SetFloat(v.Float() + 1)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	default:
		t.Fatalf("cannot alter a %s", v.Type())
	}
}
