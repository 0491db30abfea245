#include "policy-map/fleet/audit_file.h"

#include "common/carousel_error.h"
#include "common/io/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int check_line(FILE *file, char *line, struct audit_chain *chain, struct audit_entry *e)
{
	size_t len;
	if (fgets(line, AUDIT_MAX_LINE_BYTES + 2, file) == NULL)
		return ferror(file) ? CAROUSEL_E_STORAGE : CAROUSEL_E_NOT_FOUND;
	len = strlen(line);
	if (len == 0 || line[len - 1] != '\n')
		return CAROUSEL_E_TRUNCATED; /* half a line, or one that is too long */
	return audit_follow(chain, line, len - 1, e);
}

int audit_file_verify(const char *path, struct audit_chain *chain, uint64_t *bad_line,
	void (*take)(void *user, const struct audit_entry *), void *user)
{
	char line[AUDIT_MAX_LINE_BYTES + 2];
	struct audit_entry e;
	FILE *file = fopen(path, "re");
	int result;
	memset(chain, 0, sizeof *chain);
	*bad_line = 0;
	if (file == NULL)
		return errno == ENOENT ? 0 : file_error(errno);
	while ((result = check_line(file, line, chain, &e)) == 0) {
		if (take)
			take(user, &e);
	}
	fclose(file);
	if (result == CAROUSEL_E_NOT_FOUND)
		return 0;
	*bad_line = chain->number + 1;
	return result;
}

static int append(const char *path, const char *line, size_t len)
{
	FILE *file = fopen(path, "ae");
	int result = 0;
	if (file == NULL)
		return file_error(errno);
	if (fwrite(line, 1, len, file) != len || fflush(file) != 0)
		result = CAROUSEL_E_STORAGE;
	if (result == 0)
		result = file_sync(fileno(file));
	if (fclose(file) != 0 && result == 0)
		result = CAROUSEL_E_STORAGE;
	return result ? result : file_sync_parent(path);
}

int audit_file_append(const char *path, struct audit_entry *e)
{
	char lock_path[4096], *line;
	struct audit_chain chain;
	uint64_t bad_line;
	size_t len;
	int lock, result;
	if (snprintf(lock_path, sizeof lock_path, "%s.lock", path) >= (int)sizeof lock_path)
		return CAROUSEL_E_ARGUMENT;
	result = file_lock(lock_path, &lock);
	if (result)
		return result;
	result = audit_file_verify(path, &chain, &bad_line, NULL, NULL);
	if (result == 0)
		result = audit_print(NULL, &chain, e, &line, &len);
	if (result == 0) {
		result = append(path, line, len);
		memory_free(NULL, line);
	}
	close(lock);
	return result;
}
