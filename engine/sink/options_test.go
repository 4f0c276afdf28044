package sink

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOptionsReachThePlayerAsTheyWere(t *testing.T) {
	for _, o := range []Options{
		{},
		{
			Verbose: true, Latency: 20 * time.Millisecond, Channels: 8, Map: []int{2, 3}, Wait: true,
			Name: "hall = 2",
		},
	} {
		got, err := ParseOptions(o.Args())
		require.NoError(t, err)
		require.Equal(t, o, got)
	}
	for _, arg := range []string{"nonsense", "latency=x", "channels=x", "map=0"} {
		_, err := ParseOptions([]string{arg})
		require.ErrorContains(t, err, arg)
	}
}

func TestChannelMapCountsFromOne(t *testing.T) {
	places, err := ParseMap("3, 4")
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, places)
	for text, want := range map[string]string{
		"0": "want numbers from 1", "x": "want numbers from 1", "1,1": "twice", "1,,2": "want numbers", "129": "to 128",
	} {
		_, err := ParseMap(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestWidthOfAStream(t *testing.T) {
	for name, c := range map[string]struct {
		o           Options
		all, engine int
		channels    int
		places      []int
		err         string
	}{
		"two by default":                   {Options{}, 128, 2, 2, nil, ""},
		"one on a mono device":             {Options{}, 1, 2, 1, nil, ""},
		"as many as asked for":             {Options{Channels: 6}, 8, 2, 6, nil, ""},
		"as many as the map reaches":       {Options{Map: []int{4, 5}}, 8, 2, 6, []int{4, 5}, ""},
		"a mono engine on all of the map":  {Options{Map: []int{4, 5}}, 8, 1, 6, []int{4, 5}, ""},
		"no more of the map than sound":    {Options{Map: []int{0, 1, 7}}, 8, 2, 2, []int{0, 1}, ""},
		"a map beyond the device":          {Options{Map: []int{4, 5}}, 4, 2, 0, nil, "dac has 4 channels, not 6"},
		"a map beyond the channels wanted": {Options{Channels: 2, Map: []int{4}}, 8, 1, 0, nil, "channel 5 is beyond the 2"},
	} {
		channels, places, err := c.o.Width("dac", c.all, c.engine)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.channels, channels, name)
		require.Equal(t, c.places, places, name)
	}
}

func TestSpreadPutsTheEnginesChannelsWhereTheMapSays(t *testing.T) {
	stereo := []float32{1, 2, 3, 4}
	for name, c := range map[string]struct {
		block          []float32
		have, channels int
		places         []int
		want           []float32
	}{
		"as it is":             {stereo, 2, 2, nil, []float32{1, 2, 3, 4}},
		"mono on both":         {[]float32{5, 6}, 1, 2, nil, []float32{5, 5, 6, 6}},
		"on 2 and 3 of 3":      {stereo, 2, 3, []int{1, 2}, []float32{0, 1, 2, 0, 3, 4}},
		"the other way around": {stereo, 2, 2, []int{1, 0}, []float32{2, 1, 4, 3}},
		"mono on 1 and 3":      {[]float32{5, 6}, 1, 3, []int{0, 2}, []float32{5, 0, 5, 6, 0, 6}},
	} {
		out := make([]float32, len(c.want))
		for i := range out {
			out[i] = 9
		}
		spread(out, c.block, c.channels, c.have, c.places)
		require.Equal(t, c.want, out, name)
	}
}
