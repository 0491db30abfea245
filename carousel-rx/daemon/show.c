/* A receiver's status as people read it. */
#include "carousel-rx/daemon/verbs.h"

#include <stdio.h>
#include <string.h>

#define SHOW_BAR_WIDTH 30

static const char *show_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "-";
}

static long long show_number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static double show_real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void show_duration(char out[32], const json_t *seconds)
{
	long long s = (long long)json_number_value(seconds);
	if (!json_is_number(seconds))
		snprintf(out, 32, "-");
	else if (s < 120)
		snprintf(out, 32, "%llds", s);
	else if (s < 7200)
		snprintf(out, 32, "%lldm%02llds", s / 60, s % 60);
	else
		snprintf(out, 32, "%lldh%02lldm", s / 3600, s / 60 % 60);
}

static double show_share(const json_t *image)
{
	double need = show_real(image, "symbols_need");
	return need > 0 ? show_real(image, "symbols_have") / need : 0;
}

static void show_image(const json_t *image)
{
	char eta[32];
	if (!json_is_object(image))
		return;
	show_duration(eta, json_object_get(image, "eta_s"));
	printf("image     version %lld, %.1f %%: %lld of %lld symbols (%lld heard), %lld of %lld blocks, %s to go\n",
		show_number(image, "version"), 100 * show_share(image), show_number(image, "symbols_have"),
		show_number(image, "symbols_need"), show_number(image, "symbols_heard"),
		show_number(image, "blocks_done"), show_number(image, "blocks"), eta);
}

static void show_counts(const char *title, const json_t *counts)
{
	const char *name, *separator = "";
	const json_t *value;
	if (json_object_size(counts) == 0)
		return;
	printf("%-9s ", title);
	json_object_foreach((json_t *)(uintptr_t)counts, name, value)
	{
		printf("%s%s %lld", separator, name, (long long)json_integer_value(value));
		separator = ", ";
	}
	putchar('\n');
}

static void show_decision(const json_t *decision)
{
	if (!json_is_object(decision)) {
		puts("decision  none yet");
		return;
	}
	printf("decision  %s", show_text(decision, "verdict"));
	if (show_number(decision, "target") && strcmp(show_text(decision, "verdict"), "none") != 0)
		printf(" %lld", show_number(decision, "target"));
	printf(" (%s; minimum %lld acceptable %lld current %lld maximum %lld)\n", show_text(decision, "reason"),
		show_number(decision, "minimum"), show_number(decision, "acceptable"), show_number(decision, "current"),
		show_number(decision, "maximum"));
}

static void show_stale(const json_t *stale)
{
	const char *reason = show_text(stale, "reason");
	if (!json_is_object(stale))
		return;
	if (strcmp(reason, "map") == 0)
		printf("stale     epoch %lld serial %lld is announced and does not come, for %.0f s of airtime\n",
			show_number(stale, "announced_epoch"), show_number(stale, "announced_serial"),
			show_real(stale, "airtime_s"));
	else
		printf("stale     no new heartbeat for %.0f s of airtime\n", show_real(stale, "airtime_s"));
}

void show_status(const json_t *status)
{
	const json_t *box = json_object_get(status, "box"), *map = json_object_get(status, "map");
	const json_t *air = json_object_get(status, "on_air");
	char age[32], silent[32];
	printf("box       %s, class %s, category %s, version %lld, slot %lld\n", show_text(box, "id"),
		show_text(box, "class"), show_text(box, "category"), show_number(box, "version"),
		show_number(box, "slot"));
	printf("state     %s%s%s%s", show_text(status, "state"), json_object_get(status, "error") ? ": " : "",
		json_object_get(status, "error") ? show_text(status, "error") : "",
		json_is_true(json_object_get(status, "paused")) ? " (paused)" : "");
	if (json_object_get(status, "retry_s"))
		printf(" (tried again in %lld s)", show_number(status, "retry_s"));
	printf("\n");
	if (json_object_get(status, "unsaved"))
		printf("unsaved   state and events cannot be written: %s\n", show_text(status, "unsaved"));
	if (json_is_object(map))
		printf("map       epoch %lld serial %lld\n", show_number(map, "epoch"), show_number(map, "serial"));
	show_decision(json_object_get(status, "decision"));
	show_image(json_object_get(status, "image"));
	show_duration(age, json_object_get(air, "heartbeat_age_s"));
	show_duration(silent, json_object_get(air, "silent_s"));
	printf("on air    heartbeat %s ago, last packet %s ago, %.0f packets/s, loss %.2f %% in %lld bursts, %lld "
	       "dropped by the "
	       "socket\n",
		age, silent, show_real(air, "pps"), 100 * show_real(air, "loss"), show_number(air, "bursts"),
		show_number(air, "socket_drops"));
	show_stale(json_object_get(status, "stale"));
	show_counts("drops", json_object_get(status, "drops"));
	show_counts("refused", json_object_get(status, "refused"));
}

void show_line(const json_t *status, bool is_terminal)
{
	const json_t *image = json_object_get(status, "image"), *air = json_object_get(status, "on_air");
	char bar[SHOW_BAR_WIDTH + 1], eta[32];
	double share = show_share(image);
	int filled = (int)(share * SHOW_BAR_WIDTH);
	for (int i = 0; i < SHOW_BAR_WIDTH; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[SHOW_BAR_WIDTH] = 0;
	show_duration(eta, json_object_get(image, "eta_s"));
	printf("%s%-14s", is_terminal ? "\r\033[K" : "", show_text(status, "state"));
	if (json_is_object(image))
		printf(" %lld %s%s%s%5.1f %%  eta %s", show_number(image, "version"), is_terminal ? "[" : "",
			is_terminal ? bar : "", is_terminal ? "] " : "", 100 * share, eta);
	printf("  %.0f packets/s  loss %.2f %%%s", show_real(air, "pps"), 100 * show_real(air, "loss"),
		is_terminal ? "" : "\n");
	fflush(stdout);
}
