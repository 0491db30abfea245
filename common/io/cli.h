/* cli.h - command lines: a table of verbs, a table of options a verb. Shared by all programs.
 *
 * Results go to stdout, diagnostics to stderr; exit 0 good, 1 failed, 2 usage. `--help` and `VERB --help` exit 0. */
#ifndef COMMON_IO_CLI_H
#define COMMON_IO_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli; /* which program and verb is running; for messages */

struct cli_verb {
	const char *name;
	const char *args; /* "IMAGE MANIFEST [--weight N]" */
	const char *help; /* one line */
	/* argv[0] is the verb's name. Returns the exit status. */
	int (*run)(const struct cli *, int argc, char **argv);
};

struct cli_program {
	const char *name;
	const char *summary; /* one line */
	const struct cli_verb *verbs;
	size_t verb_count;
};

struct cli {
	const struct cli_program *program;
	const struct cli_verb *verb; /* NULL: none was named */
	/* Where diagnostics go, a line without its end; NULL: stderr. */
	void (*tell)(void *user, const char *line);
	void *user;
};

/* Dispatches `program verb ...`; also `--help`, `help`, `VERB --help`, `--version`. Returns the exit status, which is
 * CLI_FAILED when all was well but stdout could not be written. */
int cli_main(const struct cli_program *, int argc, char **argv);

enum cli_type {
	CLI_FLAG,     /* bool */
	CLI_STRING,   /* const char * */
	CLI_U64,      /* uint64_t */
	CLI_BYTES,    /* uint64_t, see common/units.h */
	CLI_RATE,     /* uint64_t bits per second */
	CLI_DURATION, /* uint64_t nanoseconds */
	CLI_SHARE,    /* double, 0 to 1 */
};

struct cli_option {
	const char *name; /* without "--" */
	enum cli_type type;
	void *value;          /* of the type above; left as it is when the option is absent */
	uint64_t min, max;    /* U64, BYTES, RATE, DURATION; max 0: any */
	const char *argument; /* "ADDR" for the help; NULL for a flag */
	const char *help;
};

/* Parses "--name value", "--name=value" and flags anywhere in argv[1..], takes them out, and leaves the positional
 * arguments in argv[1..*argc - 1]; "--" ends options. Wrong use prints one line to stderr and returns CLI_USAGE;
 * `--help` prints usage and options to stdout and returns CLI_HELP; else CLI_OK. `positional`: how many must be left
 * (min to max). */
#define CLI_HELP (-1)
int cli_options(const struct cli *, const struct cli_option *, size_t count, int *argc, char **argv, int positional_min,
	int positional_max);

/* "carousel-tx publish: ..." on stderr; returns CLI_FAILED (cli_fail) or CLI_USAGE (cli_usage). */
int cli_fail(const struct cli *, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_usage(const struct cli *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A diagnostic that names its place itself, "map:4:7: error: ...". */
void cli_say(const struct cli *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What was printed counts only when it has arrived: `result`, or CLI_FAILED, and a word on it, when that was CLI_OK and
 * stdout could not be written. cli_main() asks at the end; a verb that goes on asks itself. */
int cli_flush(const struct cli *, int result);
/* A line of JSON on stdout, which has arrived; takes it over, NULL: there was no memory. CLI_OK or CLI_FAILED. */
int cli_print_json(const struct cli *, json_t *);

#endif
