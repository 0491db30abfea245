#include "carousel-rx/daemon/verbs.h"

int main(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"run", "[--check-config]", "receive, in the foreground", verb_run},
		{"status", "[--json]", "what is received, held and decided", verb_status},
		{"watch", "[--count N]", "the same, as it changes", verb_watch},
		{"explain", "[--json]", "why this box did or did not update", verb_explain},
		{"report", "[--key FILE]", "what this box tells the fleet database, in one line", verb_report},
		{"accept", "[VERSION]", "yes to what is offered", verb_accept},
		{"decline", "[VERSION]", "no to what is offered, until it changes", verb_decline},
		{"defer", "DURATION", "ask again after 2h, 3d, ...", verb_defer},
		{"install-now", "", "without waiting, as far as the rule allows", verb_simple},
		{"pause", "", "stop receiving images", verb_simple},
		{"resume", "", "go on receiving images", verb_simple},
		{"inhibit", "COMMAND [ARGS]", "no reboot while the command runs", verb_inhibit},
		{"healthy", "", "the health check passed: keep the running slot", verb_simple},
		{"record", "FILE --group ADDR [OPTIONS]", "a loss trace of what is on the air, for carousel-sim",
			verb_record},
		{"flush", "", "write what was heard to storage now", verb_simple},
	};
	static const struct cli_program program = {"carousel-rx", "receiver of the Carousel broadcast update system",
		verbs, sizeof(verbs) / sizeof(verbs[0])};
	return cli_main(&program, argc, argv);
}
