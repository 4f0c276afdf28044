// A JACK client with the name given and two inputs, until it is killed.
#include <stddef.h>
#include <unistd.h>

typedef struct _jack_client jack_client_t;
typedef struct _jack_port jack_port_t;
jack_client_t *jack_client_open(const char *name, int options, int *status, ...);
jack_port_t *jack_port_register(jack_client_t *, const char *name, const char *type, unsigned long flags, unsigned long size);
int jack_set_process_callback(jack_client_t *, int (*)(unsigned, void *), void *);
int jack_activate(jack_client_t *);

static int play(unsigned frames, void *arg) { return 0; }

int main(int argc, char **argv) {
	const char *audio = "32 bit float mono audio";
	jack_client_t *client = jack_client_open(argv[1], 1 /* JackNoStartServer */, NULL);
	if (client == NULL)
		return 1;
	jack_set_process_callback(client, play, NULL);
	jack_port_register(client, "in 1", audio, 1 /* JackPortIsInput */, 0);
	jack_port_register(client, "in 2", audio, 1, 0);
	jack_activate(client);
	pause();
}
