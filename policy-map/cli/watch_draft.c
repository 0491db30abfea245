#include "policy-map/cli/watch_run.h"

#include "common/carousel_error.h"
#include "common/io/clock.h"
#include "common/memory.h"
#include "policy-map/map_edit.h"

#include <stdio.h>

#define HOOK_CALLS 5u

static int hold_classes(struct map_edit *e, const struct watch *w, const struct watch_look *l)
{
	for (size_t i = 0; i < l->kpi.num_classes; i++) {
		const struct fleet_kpi_class *k = &l->kpi.classes[i];
		int result = watch_look_wants_hold(w, l, k) ? map_edit_hold(e, k->class_name, NULL, true) : 0;
		if (result)
			return result;
	}
	return map_edit_issue(e, clock_wall_s());
}

int watch_draft_write(const struct cli *cli, const struct watch *w, const struct watch_look *l)
{
	struct policy_map_error error;
	struct map_edit *e = NULL;
	char *text;
	size_t len;
	int result, code = map_edit_new(NULL, (const char *)l->document.payload, l->document.payload_len, &e, &error);
	if (code)
		return document_say_error(cli, w->map_path, &error);
	code = hold_classes(e, w, l);
	if (code == 0)
		code = map_edit_print(e, &text, &len);
	map_edit_free(e);
	if (code)
		return cli_fail(cli, "%s: %s", w->map_path, carousel_strerror(code));
	result = document_write(cli, w->out, text, len, 0644);
	memory_free(NULL, text);
	return result;
}

/* A hook that fails takes nothing back: the draft is there and must be looked at. */
static void call_until_done(const struct cli *cli, const struct watch *w, const char *classes, const char *why,
	bool (*pause)(const struct watch *))
{
	const struct watch_variable variables[] = {{"CAROUSEL_DRAFT", w->out}, {"CAROUSEL_MAP", w->map_path},
		{"CAROUSEL_FLEET", w->db_path}, {"CAROUSEL_CLASSES", classes}, {"CAROUSEL_WHY", why}};
	for (unsigned call = 1;; call++) {
		if (watch_hook(
			    cli, w->hook, w->out, variables, sizeof variables / sizeof *variables, w->hook_timeout_ns))
			return;
		if (call == HOOK_CALLS || pause == NULL || !pause(w))
			break;
	}
	cli_fail(cli, "%s was not called with success: somebody has to be told of %s", w->hook, w->out);
}

void watch_draft_call(
	const struct cli *cli, const struct watch *w, struct watch_look *l, bool (*pause)(const struct watch *))
{
	char *classes = NULL, *why = NULL;
	size_t len;
	int code = text_buffer_take(&l->classes, &classes, &len);
	if (code == 0)
		code = text_buffer_take(&l->why, &why, &len);
	if (code)
		cli_fail(cli, "%s", carousel_strerror(code));
	else
		fputs(why, stderr);
	if (code == 0 && w->hook)
		call_until_done(cli, w, classes, why, pause);
	memory_free(NULL, classes);
	memory_free(NULL, why);
}
