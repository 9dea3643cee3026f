package cli

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/composa-dev/composa/api"
	"github.com/composa-dev/composa/client"
	"github.com/spf13/cobra"
)

// spot is a device as completion needs it.
type spot struct{ place, about string }

// completeDevices completes one device, whatever its state.
func (a *app) completeDevices(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nothing(cmd, args, begin)
	}
	return a.completePlace(begin)
}

// completePlace completes one place: its fabric, and then a device of it.
func (a *app) completePlace(begin string) ([]string, cobra.ShellCompDirective) {
	how := open
	if strings.Contains(begin, "/") {
		how = ended
	}
	return a.asking(begin, how, func(ctx context.Context, c *client.Client) []offer {
		return placeOffers(ctx, c, begin, nil, client.DeviceFilter{})
	})
}

// completeMoving completes the devices of the machine behind --from.
func (a *app) completeMoving(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	from, _ := cmd.Flags().GetString("from")
	if from == "" {
		return nothing(cmd, args, begin)
	}
	return a.completeOwn(begin, from, args)
}

// completeMachineThenFree completes a machine, and then free devices of its
// fabric.
func (a *app) completeMachineThenFree(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeMachines(cmd, args, begin)
	}
	free := true
	return a.asking(begin, open, func(ctx context.Context, c *client.Client) []offer {
		m, err := a.machineNamed(ctx, c, args[0])
		if err != nil {
			return nil
		}
		return placeOffers(ctx, c, begin, args[1:], client.DeviceFilter{Free: &free, Fabric: m.Fabric})
	})
}

// completeMachineThenOwn completes a machine, and then the devices that it has.
func (a *app) completeMachineThenOwn(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeMachines(cmd, args, begin)
	}
	return a.completeOwn(begin, args[0], args[1:])
}

// completeOwn completes the devices of a machine; before are those named already.
func (a *app) completeOwn(begin, machine string, before []string) ([]string, cobra.ShellCompDirective) {
	return a.asking(begin, open, func(ctx context.Context, c *client.Client) []offer {
		m, err := a.machineNamed(ctx, c, machine)
		if err != nil {
			return nil
		}
		var spots []spot
		for _, d := range m.Devices {
			if d.Place != "" {
				spots = append(spots, spot{d.Place, strings.TrimSpace(d.Kind + " " + d.Model)})
			}
		}
		return listOffers(begin, before, spots)
	})
}

// completePoolThenDevices completes a pool, and then the devices that can be put
// into it, or taken out.
func (a *app) completePoolThenDevices(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completePools(cmd, args, begin)
	}
	var in client.DeviceFilter
	if cmd.Name() == "remove" {
		in.Pool = args[0]
	}
	return a.completePlaces(begin, args[1:], in)
}

// completeNewPool completes the devices of a pool behind its name.
func (a *app) completeNewPool(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nothing(cmd, args, begin)
	}
	return a.completePlaces(begin, args[1:], client.DeviceFilter{})
}

// completePlaces completes a list of places, but for those before.
func (a *app) completePlaces(begin string, before []string, f client.DeviceFilter) ([]string, cobra.ShellCompDirective) {
	return a.asking(begin, open, func(ctx context.Context, c *client.Client) []offer { return placeOffers(ctx, c, begin, before, f) })
}

// placeOffers completes the last place of a list: first its fabric, so that a
// site of many racks is not read whole, then what is there but before.
func placeOffers(ctx context.Context, c *client.Client, begin string, before []string, f client.DeviceFilter) []offer {
	head, last := lastOfList(begin)
	fabric, _, there := strings.Cut(last, "/")
	if !there && f.Pool == "" && f.Fabric == "" {
		return told(c.Fabrics(ctx), func(f api.Fabric) (offer, bool) {
			return offer{word: head + f.Name + "/", about: sharesText(f.Kinds)}, true
		})
	}
	if there {
		f.Fabric = fabric
	}
	return listOffers(begin, before, spotsOf(c.Devices(ctx, f)))
}

func spotsOf(devices iter.Seq2[api.Device, error]) []spot {
	var spots []spot
	for d, err := range devices {
		if err != nil {
			break
		}
		spots = append(spots, spot{d.Place, strings.TrimSpace(strings.TrimSpace(d.Kind+" "+d.Model) + ", " + d.Use)})
	}
	return spots
}

// listOffers completes the last place of a list out of spots, or the range in
// its brackets. What the list names already, or the arguments before it, is not
// offered again.
func listOffers(begin string, before []string, spots []spot) []offer {
	head, last := lastOfList(begin)
	if told, err := parseArguments(before); err == nil {
		spots = slices.DeleteFunc(spots, func(s spot) bool { return slices.Contains(told, s.place) })
	}
	if stem, typed, ranged := strings.Cut(last, "["); ranged && !strings.Contains(typed, "]") {
		return rangeOffers(head+stem+"[", stem, typed, spots)
	}
	var offers []offer
	for _, s := range spots {
		if !named(head, s.place) {
			offers = append(offers, offer{word: head + s.place, about: s.about})
		}
	}
	return offers
}

// rangeOffers completes brackets: the numbers behind stem that there are, as
// unbroken ranges; behind "4-" how far the one of 4 goes.
func rangeOffers(prefix, stem, typed string, spots []spot) []offer {
	var numbers []int
	for _, s := range spots {
		if tail, ok := strings.CutPrefix(s.place, stem); ok {
			if n, err := parseOrdinal(tail); err == nil {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	before, part := lastOfList(typed)
	from, _, dashed := strings.Cut(part, "-")
	begin, err := strconv.Atoi(from)
	var offers []offer
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		switch {
		case dashed && err == nil && numbers[i] <= begin && begin <= numbers[j]:
			for n := begin + 1; n <= numbers[j]; n++ {
				offers = append(offers, offer{word: fmt.Sprintf("%s%s%d-%d]", prefix, before, begin, n), about: fmt.Sprintf("%d devices", n-begin+1), rank: -n})
			}
		case !dashed && i < j:
			offers = append(offers, offer{word: fmt.Sprintf("%s%s%d-%d]", prefix, before, numbers[i], numbers[j]), about: fmt.Sprintf("%d devices", j-i+1)})
		}
		i = j + 1
	}
	return offers
}

// completeWant completes what the flag of a kind takes: models with how many of
// them, or places of free devices.
func (a *app) completeWant(kind string) completion {
	return func(cmd *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
		if strings.ContainsAny(begin, "/,") {
			free := true
			return a.completePlaces(begin, nil, client.DeviceFilter{Kind: kind, Free: &free})
		}
		how := open
		model, _, counted := strings.Cut(begin, ":")
		if counted {
			how = ended
		}
		return a.asking(begin, how, func(ctx context.Context, c *client.Client) []offer {
			list, _ := client.All(c.Available(ctx, kind)) // what was told until then
			if counted {
				return countOffers(model, list)
			}
			return append(modelOffers(begin, list), fabricOffers(list)...)
		})
	}
}

// modelOffers are the words of models that go on where begin ends, in any case;
// of each model that has one the word that no other model has. A word may stand
// for several models, as it does in a request.
func modelOffers(begin string, list []api.Available) []offer {
	var offers []offer
	for _, v := range list {
		for _, word := range modelWords(v.Model) {
			if len(word) < len(begin) || !strings.EqualFold(word[:len(begin)], begin) {
				continue
			}
			models, free, most := matching(word, list)
			if begin == "" && models > 1 {
				continue
			}
			about := fmt.Sprintf("%s: %d free, at most %d in one machine", v.Model, free, most)
			if models > 1 {
				about = fmt.Sprintf("%d models: %d free, at most %d in one machine", models, free, most)
			}
			offers = append(offers, offer{word: begin + word[len(begin):] + ":", about: about})
			if begin == "" {
				break
			}
		}
	}
	return offers
}

// modelWords are the words of a model that a shell takes without quotes, those
// with digits first: they tell models apart.
func modelWords(model string) []string {
	words := strings.FieldsFunc(model, func(r rune) bool { return unsafeInShell(r) || r == ':' || r == ',' || r == '/' || r == '=' })
	slices.SortStableFunc(words, func(x, y string) int {
		return digitless(x) - digitless(y)
	})
	return words
}

func digitless(word string) int {
	if strings.ContainsAny(word, "0123456789") {
		return 0
	}
	return 1
}

// matching counts the models whose name contains a word, the free devices of
// them, and the most that one machine could get.
func matching(word string, list []api.Available) (models, free, most int) {
	there := map[string]int{}
	for _, v := range list {
		if !strings.Contains(strings.ToLower(v.Model), strings.ToLower(word)) {
			continue
		}
		models, free = models+1, free+v.Free
		for _, f := range v.Fabrics {
			there[f.Fabric] += f.Free
			most = max(most, there[f.Fabric])
		}
	}
	return models, free, most
}

// countOffers completes how many of a model: the doubles of one, and the most.
func countOffers(model string, list []api.Available) []offer {
	_, free, most := matching(model, list)
	var offers []offer
	for n := 1; n < most; n *= 2 {
		offers = append(offers, offer{word: fmt.Sprintf("%s:%d", model, n)})
	}
	if most > 0 {
		offers = append(offers, offer{word: fmt.Sprintf("%s:%d", model, most), about: fmt.Sprintf("the most in one machine, of %d free", free)})
	}
	return offers
}

// fabricOffers begins the places of free devices.
func fabricOffers(list []api.Available) []offer {
	free := map[string]int{}
	for _, v := range list {
		for _, f := range v.Fabrics {
			free[f.Fabric] += f.Free
		}
	}
	var offers []offer
	for name, n := range free { // offers are sorted
		offers = append(offers, offer{word: name + "/", about: fmt.Sprintf("%d free", n), rank: 1})
	}
	return offers
}

// completeModels completes a part of a model's name.
func (a *app) completeModels(_ *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	return a.asking(begin, ended, func(ctx context.Context, c *client.Client) []offer {
		list, _ := client.All(c.Available(ctx, "")) // what was told until then
		offers := modelOffers(begin, list)
		for i := range offers {
			offers[i].word = strings.TrimSuffix(offers[i].word, ":")
		}
		return offers
	})
}
