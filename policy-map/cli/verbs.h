/* verbs.h - the verbs of policy-map, one function each. */
#ifndef POLICY_MAP_CLI_VERBS_H
#define POLICY_MAP_CLI_VERBS_H

#include "common/io/cli.h"

int verb_keygen(const struct cli *, int argc, char **argv);
int verb_sign(const struct cli *, int argc, char **argv);
int manifest_verb_sign(const struct cli *, int argc, char **argv);
int verb_verify(const struct cli *, int argc, char **argv);
int verb_show(const struct cli *, int argc, char **argv);
int verb_fmt(const struct cli *, int argc, char **argv);
int verb_lint(const struct cli *, int argc, char **argv);
int verb_explain(const struct cli *, int argc, char **argv);
int verb_diff(const struct cli *, int argc, char **argv);
int verb_promote(const struct cli *, int argc, char **argv);
int verb_recall(const struct cli *, int argc, char **argv);
int verb_hold(const struct cli *, int argc, char **argv);
int verb_release(const struct cli *, int argc, char **argv);
int verb_fleet(const struct cli *, int argc, char **argv);
int fleet_verb_kpi(const struct cli *, int argc, char **argv);
int fleet_verb_watch(const struct cli *, int argc, char **argv);
int verb_simulate(const struct cli *, int argc, char **argv);
int verb_audit(const struct cli *, int argc, char **argv);
int verb_ready(const struct cli *, int argc, char **argv);
int trust_verb_append(const struct cli *, int argc, char **argv);
int trust_verb_show(const struct cli *, int argc, char **argv);
int trust_verb_verify(const struct cli *, int argc, char **argv);
int verb_trust(const struct cli *, int argc, char **argv);
int verb_manifest(const struct cli *, int argc, char **argv);

#endif
