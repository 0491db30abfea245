#include "policy-map/cli/verbs.h"

#include <sodium.h>
#include <stdio.h>

static const struct cli_verb verbs[] = {
	{"keygen", "NAME", "make a key pair: NAME.key and NAME.pub", verb_keygen},
	{"trust", "VERB ...", "roots of trust: init, rotate, append, verify, show", verb_trust},
	{"manifest", "VERB ...", "the signed descriptions of images: create, sign, show", verb_manifest},
	{"fmt", "FILE", "bring a map into its canonical form", verb_fmt},
	{"lint", "FILE [--previous MAP] [--catalogue DIR]", "what is wrong with a map, and what to look at twice",
		verb_lint},
	{"promote", "--map FILE CLASS VERSION [--ramp STEPS] [--manifest FILE]", "make a version current",
		verb_promote},
	{"recall", "--map FILE CLASS VERSION --to N", "take a version back", verb_recall},
	{"hold", "--map FILE CLASS", "stop a class where it is", verb_hold},
	{"release", "--map FILE CLASS", "let a held class go on", verb_release},
	{"diff", "OLD NEW [--fleet DB] [--paths]", "what differs between two maps", verb_diff},
	{"simulate", "MAP --fleet DB", "play a roll-out over the fleet, day by day", verb_simulate},
	{"fleet", "VERB ...", "the fleet database: import, export, show, kpi, watch", verb_fleet},
	{"sign", "--role ROLE --key KEY IN OUT", "check a document and sign it", verb_sign},
	{"verify", "--trust ROOTS FILE", "who signed, and whose signature is missing", verb_verify},
	{"show", "FILE", "a map as a grid, or any other document", verb_show},
	{"ready", "MAP --trust ROOTS [--previous MAP] [--catalogue DIR] [--fleet DB] [--audit FILE]",
		"the checklist before a first roll-out", verb_ready},
	{"audit", "VERB ...", "the log of signings: verify, show", verb_audit},
	{"explain", "--map FILE --class CLASS ...", "what a map makes a box do, and why", verb_explain},
};

int main(int argc, char **argv)
{
	const struct cli_program program = {
		"policy-map", "the version map: edit, check, compare, sign", verbs, sizeof verbs / sizeof *verbs};
	if (sodium_init() < 0) {
		fprintf(stderr, "policy-map: no source of randomness\n");
		return CLI_FAILED;
	}
	return cli_main(&program, argc, argv);
}
