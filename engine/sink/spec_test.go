package sink

import (
	"errors"
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
// fails with cannot. rate is what the user named. said is what the user was
// told.
func settle(t *testing.T, name string, rate int, o Options, list []DeviceInfo, cannot error) (
	to Setting, said string, err error,
) {
	t.Helper()
	s, err := Parse(name)
	require.NoError(t, err)
	say := func(msg string, _ ...any) { said += msg }
	to, err = s.Settle(s, Machine{
		Rate: rate, Frames: 48, Channels: 2, Options: o,
		Devices: func(player string) ([]DeviceInfo, error) {
			require.Equal(t, PortAudioPlayer, player)
			return list, cannot
		},
		Say: say, Warn: say,
	})
	return to, said, err
}

func TestAutoIsADeviceIfThereIsOneAndSaysWhich(t *testing.T) {
	dac := DeviceInfo{Index: 5, Name: "USB DAC", LowLatency: 50 * time.Millisecond, Channels: 2, Rate: 44100}
	to, said, err := settle(t, "auto", 0, Options{}, []DeviceInfo{dac}, nil)
	require.NoError(t, err)
	require.Equal(t, "portaudio", to.Spec.String())
	require.Equal(t, dac.LowLatency, to.Latency)
	require.Contains(t, said, "playing on a device")
}

func TestAutoWaitsForADeviceUnlessNothingCanOpenOne(t *testing.T) {
	for _, cannot := range []error{nil, NoDevice("connection refused"), errors.New("no answer")} {
		to, said, err := settle(t, "auto", 0, Options{}, nil, cannot)
		require.NoError(t, err)
		require.True(t, to.Wait)
		require.True(t, to.Spec.Device)
		require.Equal(t, PortAudioPlayer, to.Spec.Player)
		require.Equal(t, "clock", to.Spec.Playing(false).String())
		require.Equal(t, "portaudio", to.Spec.Playing(true).String())
		require.Contains(t, said, "pacing by the clock")
	}
	for _, cannot := range []error{ErrNoPlayer, ErrCrashed} {
		to, said, err := settle(t, "auto", 0, Options{}, nil, cannot)
		require.NoError(t, err)
		require.Equal(t, Setting{Spec: Spec{Kind: clockKind}, Rate: DefaultRate}, to)
		require.Contains(t, said, "pacing by the clock")
	}
}

func TestDeviceThatIsNotThereYetIsWaitedFor(t *testing.T) {
	for name, list := range map[string][]DeviceInfo{
		"portaudio":     nil,
		"portaudio:usb": {{Name: "pulse"}},
		"portaudio:7":   {{Name: "pulse"}},
	} {
		to, _, err := settle(t, name, 0, Options{}, list, nil)
		require.NoError(t, err)
		require.Equal(t, name, to.Spec.String())
		require.True(t, to.Wait)
		require.Equal(t, minLatency*(48*time.Second/DefaultRate), to.Latency)
	}
	to, _, err := settle(t, "portaudio", 0, Options{}, nil, errors.New("the sound system does not answer"))
	require.NoError(t, err)
	require.True(t, to.Wait)
}

func TestDeviceThatNeverCanBePlayedOnIsRefused(t *testing.T) {
	twice := []DeviceInfo{{Name: "usb 1"}, {Name: "usb 2"}}
	_, _, err := settle(t, "portaudio:usb", 0, Options{}, twice, nil)
	require.ErrorContains(t, err, `sink portaudio:usb: "usb" is part of the names of several output devices`)
	_, _, err = settle(t, "portaudio", 0, Options{}, nil, ErrNoPlayer)
	require.ErrorIs(t, err, ErrNoPlayer)
	stereo := []DeviceInfo{{Name: "dac", Channels: 2}}
	_, _, err = settle(t, "portaudio", 0, Options{Channels: 4}, stereo, nil)
	require.EqualError(t, err, "sink portaudio: dac has 2 channels, not 4")
}

func TestEngineTakesTheDevicesRateUnlessTheUserNamedOne(t *testing.T) {
	jack := []DeviceInfo{{Name: "system", Channels: 2, Rate: 48000, FixedRate: true}}
	to, _, err := settle(t, "portaudio", 0, Options{}, jack, nil)
	require.NoError(t, err)
	require.Equal(t, 48000, to.Rate)
	require.Equal(t, minLatency*time.Millisecond, to.Latency, "48 frames are a millisecond")

	_, _, err = settle(t, "portaudio", 44100, Options{}, jack, nil)
	require.EqualError(t, err,
		"sink portaudio: system plays at 48000 Hz only, and the engine at 44100 Hz: start it with --rate 48000")
	to, _, err = settle(t, "portaudio", 48000, Options{}, jack, nil)
	require.NoError(t, err)
	require.Equal(t, 48000, to.Rate)

	jack[0].FixedRate = false // it resamples, or has several rates
	to, _, err = settle(t, "portaudio", 44100, Options{}, jack, nil)
	require.NoError(t, err)
	require.Equal(t, 44100, to.Rate)
}

func TestLatencyIsTheUsersOrFourBlocksButNothingImpossible(t *testing.T) {
	const wrapped = 89478 * time.Second // what PortAudio makes of a JACK port without hardware
	require.Zero(t, Possible(wrapped))
	require.Zero(t, Possible(-time.Second))
	require.Equal(t, 20*time.Millisecond, Possible(20*time.Millisecond))

	d := DeviceInfo{LowLatency: wrapped}
	require.Equal(t, 4*time.Millisecond, Options{}.Ask(d, time.Millisecond, 0))
	d.LowLatency = 9 * time.Millisecond
	require.Equal(t, 9*time.Millisecond, Options{}.Ask(d, time.Millisecond, 0))
	require.Equal(t, 9*time.Millisecond, Options{Latency: 5 * time.Millisecond}.Ask(d, time.Millisecond, 0))
	o := Options{Latency: 100 * time.Millisecond}
	require.Equal(t, 100*time.Millisecond, o.Ask(d, time.Millisecond, 0))
	require.Equal(t, 200*time.Millisecond, o.Ask(d, time.Millisecond, 1))
	require.Equal(t, time.Second, o.Ask(d, time.Millisecond, MaxAttempts))
	o.Latency = 2 * time.Second
	require.Equal(t, 2*time.Second, o.Ask(d, time.Millisecond, 3), "never less than the user asked for")
}
