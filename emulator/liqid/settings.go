package liqid

import (
	"maps"
	"slices"
)

// settings are what an administrator keeps in a director besides groups and
// machines. Like all of the state they are replaced, never changed in place.
type settings struct {
	Images      []imageRecord         `json:"images,omitempty"`
	NextImage   int                   `json:"lastImage,omitempty"`  // index that the next upload gets; those below were given
	Programs    map[string]string     `json:"programs,omitempty"`   // file name of its image by fpga name
	Descriptors []descriptor          `json:"descriptors"`          // nil: those of the hardware that is there
	Processors  map[string]ipmiRecord `json:"processors,omitempty"` // service processors that were set, by cpu name
	Forgotten   []string              `json:"forgotten,omitempty"`  // cpus whose service processor was deleted
	Enclosures  []enclosureRecord     `json:"enclosures,omitempty"`
	SSH         bool                  `json:"ssh,omitempty"`
}

// Limits of the settings.
const (
	// MaxImages is how many images a director keeps.
	MaxImages = 256
	// MaxManaged is how many PCI descriptors, and how many enclosures, it keeps.
	MaxManaged = 1024
)

func (s settings) clone() settings {
	s.Images = slices.Clone(s.Images)
	s.Programs = maps.Clone(s.Programs)
	s.Descriptors = slices.Clone(s.Descriptors)
	s.Processors = maps.Clone(s.Processors)
	s.Forgotten = slices.Clone(s.Forgotten)
	s.Enclosures = slices.Clone(s.Enclosures)
	return s
}
