package sink

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSinksAreParsed(t *testing.T) {
	for name, want := range map[string]Spec{
		"auto":             {auto, ""},
		"clock":            {clockKind, ""},
		"wav:a.wav":        {wav, "a.wav"},
		"wav:/a:b/c.wav":   {wav, "/a:b/c.wav"},
		"portaudio":        {portAudio, ""},
		"portaudio:3":      {portAudio, "3"},
		"portaudio:hw:0,1": {portAudio, "hw:0,1"},
	} {
		got, err := Parse(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
		require.Equal(t, name, got.String())
	}
	got, err := Parse("portaudio:")
	require.NoError(t, err)
	require.Equal(t, "portaudio", got.String(), "an empty name is the default device's")
}

func TestSinkThatDoesNotParseIsOneLineThatNamesWhatDoes(t *testing.T) {
	for _, name := range []string{
		"", "trumpet", "Clock", "clocks", "clock:", "clock:1", "auto:1", "wav", "wav:", "portaudio2", ":", ":wav",
	} {
		_, err := Parse(name)
		require.EqualError(t, err, `sink "`+name+`": want `+Usage())
	}
	for _, form := range []string{"auto, ", "clock, ", "wav:FILE", "portaudio[:DEVICE]"} {
		require.Contains(t, Usage(), form)
	}
}

func TestEveryKindCanBePlayedOrSettlesOnOneThatCan(t *testing.T) {
	for _, k := range kinds {
		require.NotContains(t, k.Name, ":")
		if k.Player == "" {
			require.NotNil(t, k.Settle, k.Name)
		}
		if k.File != nil {
			require.NotEmpty(t, k.Arg, k.Name)
			require.False(t, k.Bare, k.Name)
		}
	}
}

// settle settles the sink on a machine with those devices, where listing them
// fails with cannot. said is what the user was told.
func settle(t *testing.T, name string, list []DeviceInfo, cannot error) (
	to Spec, latency time.Duration, said string, err error,
) {
	t.Helper()
	s, err := Parse(name)
	require.NoError(t, err)
	to, latency, err = s.Settle(s, Machine{
		Block: time.Millisecond,
		Devices: func(player string) ([]DeviceInfo, error) {
			require.Equal(t, PortAudioPlayer, player)
			return list, cannot
		},
		Say: func(msg string, _ ...any) { said += msg },
	})
	return to, latency, said, err
}

func TestAutoIsADeviceIfThereIsOneAndSaysWhich(t *testing.T) {
	dac := DeviceInfo{Index: 5, Name: "USB DAC", LowLatency: 50 * time.Millisecond}
	to, latency, said, err := settle(t, "auto", []DeviceInfo{dac}, nil)
	require.NoError(t, err)
	require.Equal(t, "portaudio", to.String())
	require.Equal(t, dac.LowLatency, latency)
	require.Contains(t, said, "playing on a device")

	for _, cannot := range []error{nil, errors.New("chronus-portaudio is not there")} {
		to, latency, said, err = settle(t, "auto", nil, cannot)
		require.NoError(t, err)
		require.Equal(t, "clock", to.String())
		require.Zero(t, latency)
		require.Contains(t, said, "pacing by the clock")
	}
}

func TestDeviceMayStillComeButNotByANameThatNoneHas(t *testing.T) {
	to, latency, _, err := settle(t, "portaudio:usb", nil, nil)
	require.NoError(t, err)
	require.Equal(t, "portaudio:usb", to.String())
	require.Equal(t, minLatency*time.Millisecond, latency)

	_, _, _, err = settle(t, "portaudio:usb", []DeviceInfo{{Name: "pulse"}}, nil)
	require.ErrorContains(t, err, `sink portaudio:usb: no output device "usb"`)
	require.False(t, strings.Contains(err.Error(), "\n"))

	cannot := errors.New("chronus-portaudio is not there")
	_, _, _, err = settle(t, "portaudio", nil, cannot)
	require.ErrorIs(t, err, cannot)
}
