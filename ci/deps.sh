#!/bin/sh
# deps.sh, run as root, installs what sound needs: PortAudio's headers and a C
# compiler for chronus-portaudio, and for the tests a PulseAudio server without
# loudspeakers, a program that records it, and an OSC sender that is not ours.
set -eu

if command -v apt-get >/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq </dev/null >/dev/null
	exec apt-get install -y -qq --no-install-recommends \
		gcc libc6-dev pkg-config portaudio19-dev libasound2-plugins pulseaudio pulseaudio-utils jackd2 liblo-tools </dev/null >/dev/null
fi
if command -v dnf >/dev/null; then
	# On Fedora PipeWire takes the place of PulseAudio unless that is named; the
	# tests start a private pulseaudio.
	exec dnf install -y -q --setopt=install_weak_deps=False \
		gcc pkgconf-pkg-config portaudio-devel alsa-plugins-pulseaudio pulseaudio pulseaudio-utils jack-audio-connection-kit liblo
fi
echo 'deps: neither apt-get nor dnf was found; install a C compiler, pkg-config, the headers of PortAudio (portaudio-2.0), the pulse plugin of ALSA, pulseaudio, parec, jackd and oscsend' >&2
exit 1
