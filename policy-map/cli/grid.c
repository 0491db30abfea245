#include "policy-map/cli/grid.h"

#include "common/carousel_error.h"
#include "common/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_BYTES   160
#define MAX_GATED    3 /* currents of gated rows shown in a cell */
#define LEAST_COLUMN 8

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted and each once; "*" goes last. */
static size_t unique_names(const char **names, size_t count)
{
	size_t kept = 0;
	qsort(names, count, sizeof *names, compare_names);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
			names[kept++] = names[i];
	if (kept > 1 && strcmp(names[0], "*") == 0) {
		memmove(names, names + 1, (kept - 1) * sizeof *names);
		names[kept - 1] = "*";
	}
	return kept;
}

/* Classes of rows and of overrides, categories of rows. Owned by the caller. */
static int axes(const struct policy_map *m, const char ***classes, size_t *num_classes, const char ***categories,
	size_t *num_categories)
{
	size_t n = 0;
	*classes = memory_alloc(NULL, m->num_rows + m->num_overrides + 1, sizeof **classes);
	*categories = memory_alloc(NULL, m->num_rows + 1, sizeof **categories);
	if (*classes == NULL || *categories == NULL) {
		memory_free(NULL, *classes);
		memory_free(NULL, *categories);
		return CAROUSEL_E_MEMORY;
	}
	for (size_t i = 0; i < m->num_rows; i++) {
		(*categories)[i] = m->rows[i].category;
		(*classes)[n++] = m->rows[i].class_name;
	}
	for (size_t i = 0; i < m->num_overrides; i++)
		if (strcmp(m->overrides[i].class_name, "*") != 0)
			(*classes)[n++] = m->overrides[i].class_name;
	*num_classes = unique_names(*classes, n);
	*num_categories = unique_names(*categories, m->num_rows);
	return 0;
}

/* For each class how many overrides are of it or of every class; owned by the caller, NULL: no memory. */
static size_t *count_overrides(const struct policy_map *m, const char **classes, size_t num_classes)
{
	size_t *counts = memory_alloc(NULL, num_classes + 1, sizeof *counts), all = 0;
	for (size_t i = 0; counts && i < m->num_overrides; i++) {
		const char **found =
			bsearch(&m->overrides[i].class_name, classes, num_classes, sizeof *classes, compare_names);
		if (found)
			counts[found - classes]++;
		else
			all++;
	}
	for (size_t i = 0; counts && i < num_classes; i++)
		counts[i] += all;
	return counts;
}

static void cell_text(const struct policy_map *m, const char *class_name, const char *category, char out[CELL_BYTES])
{
	size_t count, len;
	const struct policy_row *const *rows = policy_map_rows(m, class_name, category, &count);
	const struct policy_row *last = count ? rows[count - 1] : NULL;
	snprintf(out, CELL_BYTES, "-");
	if (last == NULL)
		return;
	snprintf(out, CELL_BYTES, "%u/%u/%u/%u%s%s", last->numbers.minimum, last->numbers.acceptable,
		last->numbers.current, last->numbers.maximum,
		policy_map_image(m, class_name, last->numbers.current) ? "" : " !", last->hold ? " HOLD" : "");
	for (size_t i = 0; i + 1 < count && i <= MAX_GATED; i++) {
		len = strlen(out);
		if (i == MAX_GATED)
			snprintf(out + len, CELL_BYTES - len, " ~...");
		else
			snprintf(out + len, CELL_BYTES - len, " ~%u%s%s", rows[i]->numbers.current,
				policy_map_image(m, class_name, rows[i]->numbers.current) ? "" : "!",
				rows[i]->hold ? "(HOLD)" : "");
	}
}

static int widest(int width, const char *text)
{
	return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void print_lines(const struct policy_map *m, const char **classes, size_t num_classes, const char **categories,
	size_t num_categories, int *widths, const size_t *overrides)
{
	char cell[CELL_BYTES];
	int first = LEAST_COLUMN;
	for (size_t i = 0; i < num_classes; i++)
		first = widest(first, classes[i]);
	for (size_t k = 0; k < num_categories; k++) {
		widths[k] = widest(LEAST_COLUMN, categories[k]);
		for (size_t i = 0; i < num_classes; i++) {
			cell_text(m, classes[i], categories[k], cell);
			widths[k] = widest(widths[k], cell);
		}
	}
	printf("%-*s", first, "class");
	for (size_t k = 0; k < num_categories; k++)
		printf("  %-*s", widths[k], categories[k]);
	printf("  overrides\n");
	for (size_t i = 0; i < num_classes; i++) {
		printf("%-*s", first, classes[i]);
		for (size_t k = 0; k < num_categories; k++) {
			cell_text(m, classes[i], categories[k], cell);
			printf("  %-*s", widths[k], cell);
		}
		printf("  %zu\n", overrides[i]);
	}
	printf("\nminimum/acceptable/current/maximum; ~N: gated to N; !: no image line; HOLD: nothing is installed\n");
}

int grid_print(const struct policy_map *m)
{
	const char **classes, **categories;
	size_t num_classes, num_categories;
	int *widths, result = axes(m, &classes, &num_classes, &categories, &num_categories);
	size_t *overrides;
	if (result)
		return result;
	widths = memory_alloc(NULL, num_categories + 1, sizeof *widths);
	overrides = count_overrides(m, classes, num_classes);
	if (widths && overrides)
		print_lines(m, classes, num_classes, categories, num_categories, widths, overrides);
	else
		result = CAROUSEL_E_MEMORY;
	memory_free(NULL, widths);
	memory_free(NULL, overrides);
	memory_free(NULL, classes);
	memory_free(NULL, categories);
	return result;
}

static json_t *cell_json(const struct policy_map *m, const char *class_name, const char *category)
{
	size_t count;
	const struct policy_row *const *rows = policy_map_rows(m, class_name, category, &count);
	const struct policy_row *last = count ? rows[count - 1] : NULL;
	json_t *gated = json_array();
	if (last == NULL) {
		json_decref(gated);
		return NULL;
	}
	for (size_t i = 0; i + 1 < count; i++)
		json_array_append_new(gated, json_pack("{s:I,s:I,s:b}", "current", (json_int_t)rows[i]->numbers.current,
						     "line", (json_int_t)rows[i]->line, "hold", (int)rows[i]->hold));
	return json_pack("{s:s,s:[I,I,I,I],s:b,s:b,s:o,s:I}", "category", category, "numbers",
		(json_int_t)last->numbers.minimum, (json_int_t)last->numbers.acceptable,
		(json_int_t)last->numbers.current, (json_int_t)last->numbers.maximum, "hold", (int)last->hold, "image",
		policy_map_image(m, class_name, last->numbers.current) != NULL, "gated", gated, "line",
		(json_int_t)last->line);
}

json_t *grid_json(const struct policy_map *m)
{
	const char **classes, **categories;
	size_t num_classes, num_categories;
	json_t *grid = json_array();
	size_t *overrides;
	if (axes(m, &classes, &num_classes, &categories, &num_categories) != 0) {
		json_decref(grid);
		return NULL;
	}
	overrides = count_overrides(m, classes, num_classes);
	for (size_t i = 0; overrides && i < num_classes; i++) {
		json_t *cells = json_array();
		for (size_t k = 0; k < num_categories; k++) {
			json_t *cell = cell_json(m, classes[i], categories[k]);
			if (cell)
				json_array_append_new(cells, cell);
		}
		json_array_append_new(grid, json_pack("{s:s,s:I,s:o}", "class", classes[i], "overrides",
						    (json_int_t)overrides[i], "cells", cells));
	}
	memory_free(NULL, classes);
	memory_free(NULL, categories);
	memory_free(NULL, overrides);
	return grid;
}
