#include "common/io/cli.h"

#include "common/carousel_error.h"
#include "common/json_fields.h"
#include "common/units.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CLI_OPTION_WIDTH 24

#define CLI_LINE_BYTES 8192

static void cli_tell(const struct cli *cli, const char *line)
{
	if (cli->tell)
		cli->tell(cli->user, line);
	else
		fprintf(stderr, "%s\n", line);
}

__attribute__((format(printf, 2, 0))) static void cli_message(const struct cli *cli, const char *format, va_list args)
{
	char line[CLI_LINE_BYTES];
	int len = snprintf(line, sizeof line, "%s%s%s: ", cli->program->name, cli->verb ? " " : "",
		cli->verb ? cli->verb->name : "");
	if (len > 0 && (size_t)len < sizeof line)
		vsnprintf(line + len, sizeof line - (size_t)len, format, args);
	cli_tell(cli, line);
}

void cli_say(const struct cli *cli, const char *format, ...)
{
	char line[CLI_LINE_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	cli_tell(cli, line);
}

int cli_fail(const struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	cli_message(cli, format, args);
	va_end(args);
	return CLI_FAILED;
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	cli_message(cli, format, args);
	va_end(args);
	return CLI_USAGE;
}

/* ---- verbs ------------------------------------------------------------------------------------ */

static void cli_help(const struct cli_program *program, FILE *to)
{
	fprintf(to, "%s - %s\n\nusage: %s VERB [ARGUMENTS]\n\n", program->name, program->summary, program->name);
	for (size_t i = 0; i < program->verb_count; i++) {
		const struct cli_verb *v = &program->verbs[i];
		int width = fprintf(to, "  %s%s%s", v->name, v->args[0] ? " " : "", v->args);
		if (width > 34)
			fprintf(to, "\n%36s%s\n", "", v->help);
		else
			fprintf(to, "%*s%s\n", 36 - width, "", v->help);
	}
	fprintf(to, "\n`%s VERB --help` tells more; `--version` tells the version.\n", program->name);
}

int cli_flush(const struct cli *cli, int result)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return result;
	clearerr(stdout);
	return result == CLI_OK ? cli_fail(cli, "stdout: %s", carousel_strerror(CAROUSEL_E_IO)) : result;
}

int cli_print_json(const struct cli *cli, json_t *json)
{
	char *text;
	size_t len;
	int result = json_fields_print(NULL, json, &text, &len);
	if (result)
		return cli_fail(cli, "%s", carousel_strerror(result));
	puts(text);
	memory_free(NULL, text);
	return cli_flush(cli, CLI_OK);
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
	struct cli cli = {.program = program};
	if (argc < 2) {
		cli_help(program, stderr);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		cli_help(program, stdout);
		return cli_flush(&cli, CLI_OK);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", program->name, CAROUSEL_VERSION);
		return cli_flush(&cli, CLI_OK);
	}
	for (size_t i = 0; i < program->verb_count; i++) {
		if (strcmp(argv[1], program->verbs[i].name) == 0) {
			cli.verb = &program->verbs[i];
			return cli_flush(&cli, cli.verb->run(&cli, argc - 1, argv + 1));
		}
	}
	return cli_usage(&cli, "no verb \"%s\"; `%s --help` lists them", argv[1], program->name);
}

/* ---- options ---------------------------------------------------------------------------------- */

static void cli_options_help(const struct cli *cli, const struct cli_option *options, size_t count)
{
	printf("usage: %s %s %s\n%s\n", cli->program->name, cli->verb->name, cli->verb->args, cli->verb->help);
	if (count)
		printf("\n");
	for (size_t i = 0; i < count; i++) {
		const struct cli_option *o = &options[i];
		int width = printf("  --%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
		printf("%*s%s\n", width < CLI_OPTION_WIDTH ? CLI_OPTION_WIDTH - width : 2, "", o->help);
	}
}

/* How a value of a type is written. */
static const char *cli_example(enum cli_type type)
{
	switch (type) {
	case CLI_BYTES:
		return ", such as 512K or 16M";
	case CLI_RATE:
		return ", such as 500k or 5M";
	case CLI_DURATION:
		return ", such as 500ms, 90s, 15m, 48h or 30d";
	default:
		return "";
	}
}

/* A limit as it would be written. */
static const char *cli_limit(const struct cli_option *o, uint64_t value, char out[UNITS_DURATION_BYTES])
{
	if (o->type == CLI_DURATION)
		return units_print_duration(out, value);
	snprintf(out, UNITS_DURATION_BYTES, "%llu", (unsigned long long)value);
	return out;
}

static int cli_set_number(const struct cli *cli, const struct cli_option *o, const char *text)
{
	uint64_t *value = o->value, parsed = 0;
	char min[UNITS_DURATION_BYTES], max[UNITS_DURATION_BYTES];
	int result;
	switch (o->type) {
	case CLI_U64:
		result = units_parse_u64(text, &parsed);
		break;
	case CLI_BYTES:
		result = units_parse_bytes(text, &parsed);
		break;
	case CLI_RATE:
		result = units_parse_rate(text, &parsed);
		break;
	case CLI_DURATION:
		result = units_parse_duration(text, &parsed);
		break;
	default:
		result = CAROUSEL_E_INTERNAL;
		break;
	}
	if (result == CAROUSEL_E_SYNTAX)
		return cli_usage(
			cli, "--%s: \"%s\" is not of the form %s%s", o->name, text, o->argument, cli_example(o->type));
	if (result == 0 && o->max && (parsed < o->min || parsed > o->max))
		return cli_usage(cli, "--%s: %s is not within %s to %s", o->name, text, cli_limit(o, o->min, min),
			cli_limit(o, o->max, max));
	if (result != 0)
		return cli_usage(cli, "--%s: %s: %s", o->name, text, carousel_strerror(result));
	*value = parsed;
	return CLI_OK;
}

static int cli_set(const struct cli *cli, const struct cli_option *o, const char *text)
{
	if (o->type == CLI_STRING) {
		*(const char **)o->value = text;
		return CLI_OK;
	}
	if (o->type == CLI_SHARE) {
		if (units_parse_share(text, o->value) != 0)
			return cli_usage(cli, "--%s: \"%s\" is not a share from 0 to 1", o->name, text);
		return CLI_OK;
	}
	return cli_set_number(cli, o, text);
}

/* The option that "--name" or "--name=value" means; *value points behind the '=', or is NULL. */
static const struct cli_option *cli_find(
	const struct cli_option *options, size_t count, const char *word, const char **value)
{
	const char *equals = strchr(word, '=');
	const size_t len = equals ? (size_t)(equals - word) : strlen(word);
	*value = equals ? equals + 1 : NULL;
	for (size_t i = 0; i < count; i++)
		if (strlen(options[i].name) == len && memcmp(options[i].name, word, len) == 0)
			return &options[i];
	return NULL;
}

/* One option at argv[*at]; moves *at on over a value of its own. */
static int cli_take(
	const struct cli *cli, const struct cli_option *options, size_t count, int argc, char **argv, int *at)
{
	const char *value;
	const struct cli_option *o = cli_find(options, count, argv[*at] + 2, &value);
	if (o == NULL)
		return cli_usage(cli, "no option %s; --help lists them", argv[*at]);
	if (o->type == CLI_FLAG) {
		if (value)
			return cli_usage(cli, "--%s takes no value", o->name);
		*(bool *)o->value = true;
		return CLI_OK;
	}
	if (value == NULL) {
		if (*at + 1 >= argc)
			return cli_usage(cli, "--%s needs %s", o->name, o->argument);
		value = argv[++*at];
	}
	return cli_set(cli, o, value);
}

int cli_options(const struct cli *cli, const struct cli_option *options, size_t count, int *argc, char **argv,
	int positional_min, int positional_max)
{
	int left = 1;
	bool is_ended = false;
	for (int i = 1; i < *argc; i++) {
		int result;
		if (is_ended || strncmp(argv[i], "-", 1) != 0 || argv[i][1] == '\0') {
			argv[left++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			is_ended = true;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			cli_options_help(cli, options, count);
			return CLI_HELP;
		}
		if (argv[i][1] != '-')
			return cli_usage(cli, "no option %s; --help lists them", argv[i]);
		result = cli_take(cli, options, count, *argc, argv, &i);
		if (result != CLI_OK)
			return result;
	}
	*argc = left;
	if (left - 1 < positional_min)
		return cli_usage(cli, "too few arguments; usage: %s %s %s", cli->program->name, cli->verb->name,
			cli->verb->args);
	if (left - 1 > positional_max)
		return cli_usage(cli, "too many arguments, from \"%s\" on", argv[1 + positional_max]);
	return CLI_OK;
}
