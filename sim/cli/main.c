#include "sim/cli/verbs.h"

static const struct cli_verb verbs[] = {
	{"impair", "--in ADDR --out ADDR [--loss P] [OPTIONS]", "relay a live group to another, losing packets by seed",
		sim_impair},
};

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		"carousel-sim", "how a carousel fares on bad channels", verbs, sizeof verbs / sizeof *verbs};
	return cli_main(&program, argc, argv);
}
