#include "policy-map/files/audit_file.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "common/json_fields.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES     4096
#define HEAD_MAX_BYTES 128u
#define WAIT_NS        20000000l
#define LOCK_TRIES     500u /* ten seconds in all */
#define READ_TRIES     5u

/* What a pass over the file found. */
struct scan {
	struct audit_chain chain;
	struct audit_chain head; /* what PATH.head notes; number 0: nothing */
	bool is_past_head, is_other_head;
	uint64_t good_bytes; /* of the lines that follow */
	bool is_torn;        /* the file ends within a line */
};

static int beside(char out[PATH_BYTES], const char *path, const char *suffix)
{
	return snprintf(out, PATH_BYTES, "%s.%s", path, suffix) < PATH_BYTES ? 0 : CAROUSEL_E_ARGUMENT;
}

static void pause_a_little(void)
{
	const struct timespec t = {.tv_nsec = WAIT_NS};
	nanosleep(&t, NULL);
}

/* "NUMBER DIGEST\n" */
static int read_head(const char *path, struct audit_chain *head)
{
	char head_path[PATH_BYTES], *text, *end;
	size_t len;
	int result = beside(head_path, path, "head");
	memset(head, 0, sizeof *head);
	if (result)
		return result;
	result = file_read(head_path, HEAD_MAX_BYTES, NULL, &text, &len);
	if (result)
		return result == CAROUSEL_E_NOT_FOUND ? 0 : result;
	errno = 0;
	head->number = strtoull(text, &end, 10);
	if (errno || head->number == 0 || *end != ' ' || strlen(end) != 2 + HASH_SHA256_HEX ||
		end[1 + HASH_SHA256_HEX] != '\n' ||
		hash_parse_hex(end + 1, HASH_SHA256_HEX, head->head, sizeof head->head) != 0)
		result = CAROUSEL_E_MALFORMED;
	memory_free(NULL, text);
	return result;
}

static int write_head(const char *path, const struct audit_chain *chain)
{
	char head_path[PATH_BYTES], digest[HASH_SHA256_HEX + 1], text[HEAD_MAX_BYTES];
	int len, result = beside(head_path, path, "head");
	len = snprintf(
		text, sizeof text, "%" PRIu64 " %s\n", chain->number, hash_hex(digest, chain->head, HASH_SHA256_BYTES));
	return result ? result : file_replace(head_path, text, (size_t)len, 0644);
}

static int check_line(FILE *file, char *line, struct scan *s, struct audit_entry *e)
{
	size_t len;
	int result;
	if (fgets(line, AUDIT_MAX_LINE_BYTES + 2, file) == NULL)
		return ferror(file) ? CAROUSEL_E_STORAGE : CAROUSEL_E_NOT_FOUND;
	len = strlen(line);
	if (len == 0 || line[len - 1] != '\n') {
		s->is_torn = feof(file) != 0;
		return s->is_torn ? CAROUSEL_E_TRUNCATED : CAROUSEL_E_LIMIT;
	}
	result = audit_follow(&s->chain, line, len - 1, e);
	if (result)
		return result;
	s->good_bytes += len;
	if (s->chain.number != s->head.number)
		return 0;
	s->is_past_head = true;
	s->is_other_head = memcmp(s->chain.head, s->head.head, HASH_SHA256_BYTES) != 0;
	return s->is_other_head ? CAROUSEL_E_CONFLICT : 0;
}

/* *file is NULL when there is none. A log is a regular file: nothing else keeps what it was given. */
static int open_log(const char *path, FILE **file)
{
	uint64_t bytes;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), result;
	*file = NULL;
	if (fd < 0)
		return errno == ENOENT ? 0 : file_error(errno);
	result = file_size(fd, &bytes);
	if (result == 0) {
		*file = fdopen(fd, "r");
		result = *file ? 0 : CAROUSEL_E_MEMORY;
	}
	if (result)
		close(fd);
	return result;
}

/* The head is read before the log: whoever appends meanwhile only moves the log on. */
static int scan(const char *path, struct scan *s, uint64_t *bad_line,
	void (*take)(void *user, const struct audit_entry *), void *user)
{
	char line[AUDIT_MAX_LINE_BYTES + 2];
	struct audit_entry e;
	FILE *file;
	int result;
	memset(s, 0, sizeof *s);
	*bad_line = 0;
	result = read_head(path, &s->head);
	if (result)
		return result;
	result = open_log(path, &file);
	if (result)
		return result;
	while (file && (result = check_line(file, line, s, &e)) == 0) {
		if (take)
			take(user, &e);
	}
	if (file)
		fclose(file);
	if (file && result != CAROUSEL_E_NOT_FOUND) {
		*bad_line = s->chain.number + !s->is_other_head;
		return result;
	}
	return s->head.number && !s->is_past_head ? CAROUSEL_E_ROLLBACK : 0;
}

int audit_file_verify(const char *path, struct audit_chain *chain, uint64_t *bad_line,
	void (*take)(void *user, const struct audit_entry *), void *user)
{
	struct scan s;
	int result = 0;
	/* Half a line may be one that is being written just now. */
	for (unsigned i = 0; i < READ_TRIES; i++) {
		result = scan(path, &s, bad_line, NULL, NULL);
		if (result != CAROUSEL_E_TRUNCATED)
			break;
		pause_a_little();
	}
	if (take)
		result = scan(path, &s, bad_line, take, user);
	*chain = s.chain;
	return result;
}

static int lock_log(const char *path, int *lock)
{
	char lock_path[PATH_BYTES];
	int result = beside(lock_path, path, "lock");
	if (result)
		return result;
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		result = file_lock(lock_path, lock);
		if (result != CAROUSEL_E_BUSY)
			break;
		pause_a_little();
	}
	return result;
}

/* A path may hold any bytes; a line of the log only what reads back. */
static void make_printable(char *text)
{
	json_fields_make_utf8(text);
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
}

static int write_line(int fd, struct audit_chain *chain, struct audit_entry *e)
{
	char *line;
	size_t len;
	int result;
	make_printable(e->who);
	make_printable(e->subject);
	result = audit_print(NULL, chain, e, &line, &len);
	if (result)
		return result;
	result = len > AUDIT_MAX_LINE_BYTES ? CAROUSEL_E_LIMIT : file_write(fd, line, len);
	memory_free(NULL, line);
	return result;
}

/* Cuts off the rest of an append that did not come to its end, and notes how much of what that was. */
static int mend(int fd, struct scan *s, uint64_t time_s)
{
	struct audit_entry e = {.time_s = time_s, .action = AUDIT_MEND};
	uint8_t torn[AUDIT_MAX_LINE_BYTES + 2];
	uint64_t bytes;
	int result = file_size(fd, &bytes);
	size_t len = 0;
	if (result == 0) {
		len = (size_t)(bytes - s->good_bytes);
		result = len > sizeof torn ? CAROUSEL_E_LIMIT : file_pread(fd, torn, len, s->good_bytes);
	}
	if (result == 0)
		result = hash_sha256(torn, len, e.sha256);
	if (result == 0 && ftruncate(fd, (off_t)s->good_bytes) != 0)
		result = file_error(errno);
	if (result)
		return result;
	audit_file_who(e.who);
	snprintf(e.subject, sizeof e.subject, "%zu bytes of an entry that was never finished", len);
	return write_line(fd, &s->chain, &e);
}

/* Notes the end of the log. A head that could not be written may be there all the same; one that is ahead of the log
 * would make it look cut short, so *is_behind is true only when the head is known to name another end. */
static int note_head(const char *path, const struct audit_chain *chain, bool *is_behind)
{
	struct audit_chain head;
	int result = write_head(path, chain);
	*is_behind = false;
	if (result == 0 || read_head(path, &head) != 0)
		return result;
	*is_behind = head.number != chain->number || memcmp(head.head, chain->head, sizeof head.head) != 0;
	return *is_behind ? result : 0;
}

static int append(const char *path, struct scan *s, struct audit_entry *e)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644), result = 0;
	const uint64_t good_bytes = s->good_bytes;
	bool is_unwanted;
	if (fd < 0)
		return file_error(errno);
	if (s->is_torn)
		result = mend(fd, s, e->time_s);
	if (result == 0)
		result = write_line(fd, &s->chain, e);
	if (result == 0)
		result = file_sync(fd);
	if (result == 0)
		result = file_sync_parent(path);
	is_unwanted = result != 0;
	if (result == 0)
		result = note_head(path, &s->chain, &is_unwanted);
	if (is_unwanted && ftruncate(fd, (off_t)good_bytes) == 0)
		(void)file_sync(fd);
	close(fd);
	return result;
}

int audit_file_append(const char *path, struct audit_entry *e)
{
	struct scan s;
	uint64_t bad_line;
	int lock, result = lock_log(path, &lock);
	if (result)
		return result;
	result = scan(path, &s, &bad_line, NULL, NULL);
	/* The head is noted after the line: it never names the one that was torn. */
	if (result == CAROUSEL_E_TRUNCATED && s.is_torn)
		result = s.head.number > s.chain.number ? CAROUSEL_E_ROLLBACK : 0;
	if (result == 0)
		result = append(path, &s, e);
	close(lock);
	return result;
}

void audit_file_who(char out[sizeof((struct audit_entry *)0)->who])
{
	const size_t cap = sizeof((struct audit_entry *)0)->who;
	const struct passwd *user = getpwuid(getuid());
	const char *asked = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	if (user == NULL)
		snprintf(out, cap, "uid %u", (unsigned)getuid());
	else if (asked && *asked)
		snprintf(out, cap, "%s for %s", user->pw_name, asked);
	else
		snprintf(out, cap, "%s", user->pw_name);
}

int audit_file_beside(const char *path, char *out, size_t cap)
{
	const char *slash = strrchr(path, '/');
	const int len = slash ? (int)(slash - path + 1) : 0;
	return snprintf(out, cap, "%.*s" AUDIT_FILE_NAME, len, path) < (int)cap ? 0 : CAROUSEL_E_ARGUMENT;
}
