//go:build linux && portaudio

// PortAudio looks for the ports of a JACK client with its name as a regular
// expression, so that it does not find those of one with + ( ) [ ] or * in its
// name (pa_jack.c, BuildDeviceList and OpenStream: the pattern is "NAME:.*").
// This function stands before libjack's and takes the name literally.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef struct _jack_client jack_client_t;
typedef const char **ports(jack_client_t *, const char *, const char *, unsigned long);

const char **jack_get_ports(jack_client_t *client, const char *name, const char *type, unsigned long flags) {
	static const char any[] = ":.*";
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
