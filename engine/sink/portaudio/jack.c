//go:build linux && portaudio

// What PortAudio keeps from those who play on a JACK server.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef struct _jack_client jack_client_t;
typedef const char **ports(jack_client_t *, const char *, const char *, unsigned long);

static jack_client_t *client_of_portaudio;

// The size of the JACK server's buffer in frames. PortAudio does not pass on
// that it has changed. 0 without a client of JACK, of which there is one while
// a stream of JACK is open.
unsigned chronus_jack_buffer(void) {
	unsigned (*get)(jack_client_t *) = (unsigned (*)(jack_client_t *))dlsym(RTLD_DEFAULT, "jack_get_buffer_size");
	return get == NULL || client_of_portaudio == NULL ? 0 : get(client_of_portaudio);
}

// PortAudio looks for the ports of a JACK client with its name as a regular
// expression, so that it does not find those of one with + ( ) [ ] or * in its
// name (pa_jack.c, BuildDeviceList and OpenStream: the pattern is "NAME:.*").
// This function stands before libjack's and takes the name literally.
const char **jack_get_ports(jack_client_t *client, const char *name, const char *type, unsigned long flags) {
	static const char any[] = ":.*";
	client_of_portaudio = client;
	ports *real = (ports *)dlsym(RTLD_NEXT, "jack_get_ports");
	if (real == NULL)
		return NULL;
	size_t have = name == NULL ? 0 : strlen(name), end = strlen(any);
	if (have <= end || strcmp(name + have - end, any) != 0)
		return real(client, name, type, flags);
	char *literal = malloc(2 * have + 2), *to = literal;
	if (literal == NULL)
		return NULL;
	*to++ = '^';
	for (size_t i = 0; i < have - end; i++) {
		if (strchr("\\^$.|?*+()[]{}", name[i]) != NULL)
			*to++ = '\\';
		*to++ = name[i];
	}
	strcpy(to, any);
	const char **found = real(client, literal, type, flags);
	free(literal);
	return found;
}
