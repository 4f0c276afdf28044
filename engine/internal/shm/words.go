package shm

import (
	"fmt"
	"reflect"
)

// Word is one word of a region's header, for tests and the harness that damage
// it.
type Word struct {
	Region string `json:"region"` // host, player or ring
	Name   string `json:"name"`   // "Published", "Stamp.Build", "Slots[3].Idle"
	Offset int    `json:"offset"` // bytes
	Size   int    `json:"size"`   // bytes
	// Stride and Count are set for the words of the seal table: the word of
	// block n lies n mod Count strides, in bytes, behind Offset.
	Stride int `json:"stride,omitempty"`
	Count  int `json:"count,omitempty"`
	// Figure is set for a word that no process acts on: what the status and the
	// log show of it is what the word says until its owner states it anew. In
	// the layout it is tagged `word:"figure"`.
	Figure bool `json:"figure,omitempty"`
}

// Words lists the words of the headers of all three kinds of region, without
// padding but with magic number, stamp and geometry, and those of the seals.
// The other tables that follow a header are not in it.
func Words(g Geometry) []Word {
	var all []Word
	list := func(region string, header any) {
		all = append(all, words(region, "", 0, reflect.TypeOf(header), int(g.Slots))...)
	}
	list("host", HostRegion{})
	list("player", PlayerRegion{})
	list("ring", RingRegion{})
	for _, w := range words("player", "Seals", sealOffset, reflect.TypeOf(Seal{}), 0) {
		w.Stride, w.Count = int(reflect.TypeOf(Seal{}).Size()), SealCount
		all = append(all, w)
	}
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
		switch {
		case f.Anonymous:
			in = name
		case name != "":
			in = name + "." + f.Name
		}
		of := words(region, in, at+int(f.Offset), f.Type, slots)
		if f.Tag.Get("word") == "figure" {
			of[0].Figure = true
		}
		all = append(all, of...)
	}
	return all
}
