/* carousel-tx: the headend's program. Verbs that change the catalogue work with and without a daemon that runs. */
#include "carousel-tx/daemon/verbs.h"

int main(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"run", "[--check-config]", "send what the catalogue holds, in the foreground", verb_run},
		{"status", "[--json]", "what is on the air, as a daemon that runs tells it", verb_status},
		{"publish", "IMAGE MANIFEST [--weight N] [--from OLD,...] [--json]",
			"put an image into the catalogue, and on the air", verb_publish},
		{"withdraw", "CLASS VERSION [--json]", "take an image out that the map does not name", verb_withdraw},
		{"set-rate", "CHANNEL RATE|unlimited [--json]", "another rate for a channel of a daemon that runs",
			verb_set_rate},
		{"plan", "[--loss SHARE] [--duty SHARE] [--percentile SHARE | --boxes N] [--json]",
			"how long a pass takes, and until the boxes have what the catalogue holds", verb_plan},
		{"list", "[--json]", "what the catalogue holds", verb_list},
		{"verify", "[--json]", "read all that the catalogue holds, and compare every digest", verb_verify},
		{"set-map", "MAP [--json]", "install a signed version map", verb_set_map},
		{"set-root", "ROOTS [--json]", "install the signed trust root, or the next links of its chain",
			verb_set_root},
	};
	static const struct cli_program program = {
		"carousel-tx", "multicasts update images, over and over", verbs, sizeof verbs / sizeof verbs[0]};
	return cli_main(&program, argc, argv);
}
