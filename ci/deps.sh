#!/bin/sh
# deps.sh installs what sound needs: PortAudio's headers and a C compiler for chronus-portaudio, and for the tests a PulseAudio
# server that plays to nobody, with its recorder, and OSC senders that nobody here wrote. As root.
set -eu

if command -v apt-get >/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq </dev/null >/dev/null
	exec apt-get install -y -qq --no-install-recommends \
		gcc libc6-dev pkg-config portaudio19-dev libasound2-plugins pulseaudio pulseaudio-utils jackd2 liblo-tools </dev/null >/dev/null
fi
if command -v dnf >/dev/null; then
	# Fedora's PulseAudio is PipeWire's, unless it is asked for by name; the tests start a private pulseaudio.
	exec dnf install -y -q --setopt=install_weak_deps=False \
		gcc pkgconf-pkg-config portaudio-devel alsa-plugins-pulseaudio pulseaudio pulseaudio-utils jack-audio-connection-kit liblo
fi
echo 'deps: neither apt-get nor dnf is here; install: a C compiler, pkg-config, the headers of PortAudio (portaudio-2.0), the pulse plugin of ALSA, pulseaudio, parec, jackd' >&2
exit 1
