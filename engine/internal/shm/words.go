package shm

import (
	"fmt"
	"reflect"
)

// Word is one word of a region's header, for tests and the harness that damage
// it.
type Word struct {
	Region string `json:"region"` // host, player or ring
	Name   string `json:"name"`   // "Published", "Slots[3].Idle", "Seals[next]"
	Offset int    `json:"offset"` // bytes
	Size   int    `json:"size"`   // bytes
}

// Words lists the words of the headers of all three kinds of region, without
// padding: magic number, stamp and geometry included, tables that follow a
// header not.
func Words(g Geometry) []Word {
	var all []Word
	list := func(region string, header any) {
		all = append(all, words(region, "", 0, reflect.TypeOf(header), int(g.Slots))...)
	}
	list("host", HostRegion{})
	list("player", PlayerRegion{})
	list("ring", RingRegion{})
	return all
}

// words lists the words of a type that lies at an offset, arrays only as far as
// there are slots.
func words(region, name string, at int, t reflect.Type, slots int) (all []Word) {
	switch {
	case t.PkgPath() == "sync/atomic", t.Kind() != reflect.Struct && t.Kind() != reflect.Array:
		return []Word{{Region: region, Name: name, Offset: at, Size: int(t.Size())}}
	case t.Kind() == reflect.Array:
		for i := range min(t.Len(), slots) {
			in := fmt.Sprintf("%s[%d]", name, i)
			all = append(all, words(region, in, at+i*int(t.Elem().Size()), t.Elem(), slots)...)
		}
		return all
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		in := f.Name
		if name != "" {
			in = name + "." + f.Name
		}
		all = append(all, words(region, in, at+int(f.Offset), f.Type, slots)...)
	}
	return all
}
