#include "policy-map/cli/keys.h"

#include "common/carousel_error.h"
#include "common/memory.h"
#include "policy-map/cli/document.h"
#include "policy-map/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* A signal while a passphrase was asked for. */
static volatile sig_atomic_t caught;

/* One byte a time: what follows the line belongs to the next key. Returns the length, or -1. */
static int read_line(int fd, char *line)
{
	size_t n = 0;
	for (;;) {
		char c;
		ssize_t got = read(fd, &c, 1);
		if (got < 0 && errno == EINTR && !caught)
			continue;
		if (got < 0 || (got == 0 && n == 0) || n + 1 == KEYS_MAX_PASSPHRASE)
			return -1;
		if (got == 0 || c == '\n')
			break;
		line[n++] = c;
	}
	line[n] = '\0';
	return (int)n;
}

static void on_signal(int number)
{
	caught = number;
}

/* Until it is undone a signal ends the read, and not the process with a silent terminal. */
static void catch_signals(struct sigaction before[3], bool undo)
{
	static const int numbers[3] = {SIGINT, SIGTERM, SIGTSTP};
	struct sigaction action = {.sa_handler = on_signal};
	sigemptyset(&action.sa_mask);
	for (unsigned i = 0; i < 3; i++)
		sigaction(numbers[i], undo ? &before[i] : &action, undo ? NULL : &before[i]);
}

static int ask(int terminal, const char *prompt, const char *what, char *passphrase)
{
	struct termios before, silent;
	struct sigaction actions[3];
	int n;
	if (tcgetattr(terminal, &before) != 0)
		return -1;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	caught = 0;
	catch_signals(actions, false);
	tcsetattr(terminal, TCSAFLUSH, &silent);
	dprintf(terminal, "%s for %s: ", prompt, what);
	n = read_line(terminal, passphrase);
	tcsetattr(terminal, TCSAFLUSH, &before);
	dprintf(terminal, "\n");
	catch_signals(actions, true);
	if (caught)
		raise(caught);
	return n;
}

static int ask_twice(const struct cli *cli, int terminal, const char *what, int is_new, char *passphrase)
{
	char again[KEYS_MAX_PASSPHRASE];
	int differs;
	if (ask(terminal, is_new ? "New passphrase" : "Passphrase", what, passphrase) < 0)
		return cli_fail(cli, "%s: no passphrase was read", what);
	if (!is_new)
		return CLI_OK;
	differs = ask(terminal, "Once more", what, again) < 0 || strcmp(again, passphrase) != 0;
	sodium_memzero(again, sizeof again);
	return differs ? cli_fail(cli, "%s: the two passphrases differ", what) : CLI_OK;
}

int keys_read_passphrase(const struct cli *cli, const char *what, uint64_t passphrase_fd, int is_new, char *passphrase)
{
	int terminal, result;
	if (passphrase_fd != KEYS_NO_FD) {
		if (read_line((int)passphrase_fd, passphrase) < 0)
			return cli_fail(cli, "%s: no passphrase on file descriptor %d", what, (int)passphrase_fd);
		return CLI_OK;
	}
	terminal = isatty(STDIN_FILENO) ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;
	if (terminal < 0)
		return cli_fail(cli, "%s needs a passphrase and there is no terminal: use --passphrase-fd", what);
	result = ask_twice(cli, terminal, what, is_new, passphrase);
	close(terminal);
	return result;
}

static int parse_secret(const struct cli *cli, const char *path, const char *text, size_t len, uint64_t passphrase_fd,
	struct key_secret *secret)
{
	char passphrase[KEYS_MAX_PASSPHRASE];
	int result = key_file_parse_secret(secret, text, len, NULL, 0);
	if (result == CAROUSEL_E_NEED_MORE) {
		if (keys_read_passphrase(cli, path, passphrase_fd, 0, passphrase) != CLI_OK)
			return CLI_FAILED;
		result = key_file_parse_secret(secret, text, len, passphrase, strlen(passphrase));
		sodium_memzero(passphrase, sizeof passphrase);
	}
	if (result == CAROUSEL_E_PERMISSION)
		return cli_fail(cli, "%s: wrong passphrase", path);
	return result ? cli_fail(cli, "%s: no secret key: %s", path, carousel_strerror(result)) : CLI_OK;
}

static int open_token(const struct cli *cli, const char *uri, uint64_t passphrase_fd, struct keys_signer *k)
{
	char pin[KEYS_MAX_PASSPHRASE];
	int result = keys_read_passphrase(cli, uri, passphrase_fd, 0, pin);
	if (result == CLI_OK)
		result = token_open(cli, uri, pin, &k->token, &k->signer);
	sodium_memzero(pin, sizeof pin);
	return result;
}

int keys_open_signer(const struct cli *cli, const char *name, uint64_t passphrase_fd, struct keys_signer *k)
{
	char *text;
	size_t len;
	int result;
	memset(k, 0, sizeof *k);
	if (token_is_uri(name))
		return open_token(cli, name, passphrase_fd, k);
	if (document_read(cli, name, KEY_FILE_MAX_BYTES, &text, &len) != CLI_OK)
		return CLI_FAILED;
	result = parse_secret(cli, name, text, len, passphrase_fd, &k->secret);
	sodium_memzero(text, len);
	memory_free(NULL, text);
	if (result == CLI_OK)
		k->signer = key_secret_signer(&k->secret);
	return result;
}

void keys_close_signer(struct keys_signer *k)
{
	token_close(k->token);
	key_secret_deinit(&k->secret);
}

int keys_load_public(const struct cli *cli, const char *path, struct key_public *key)
{
	char *text;
	size_t len;
	int result;
	if (document_read(cli, path, KEY_FILE_MAX_BYTES, &text, &len) != CLI_OK)
		return CLI_FAILED;
	result = key_file_parse_public(key, text, len);
	memory_free(NULL, text);
	return result ? cli_fail(cli, "%s: no public key in PEM form: %s", path, carousel_strerror(result)) : CLI_OK;
}
