#include "policy-map/fleet/fleet_kind.h"

#include "common/envelope.h"
#include "policy-map/files/line_reader.h"
#include "policy-map/map_value.h"
#include "policy-map/policy_map.h"

#include <string.h>

#define MAX_FIELDS    64u
#define LEAST_KEY_LEN 40u /* of the shortest public key in base64 */

static size_t line_length(const char *bytes, size_t len)
{
	const char *end = memchr(bytes, '\n', len);
	return end ? (size_t)(end - bytes) : len;
}

char fleet_kind_delimiter(const char *bytes, size_t len)
{
	static const char delimiters[] = ",;\t";
	size_t first = line_length(bytes, len);
	for (const char *d = delimiters; *d; d++) {
		if (memchr(bytes, *d, first))
			return *d;
	}
	return ',';
}

static int begins(const char *bytes, size_t len, const char *with, size_t with_len)
{
	return len >= with_len && memcmp(bytes, with, with_len) == 0;
}

static int is_packed(const char *bytes, size_t len)
{
	return begins(bytes, len, "\x1f\x8b", 2) || begins(bytes, len, "\xfd\x37zXZ", 5) ||
	       begins(bytes, len, "\x28\xb5\x2f\xfd", 4) || begins(bytes, len, "BZh", 3) ||
	       begins(bytes, len, "PK\x03\x04", 4);
}

static int has_field(char *const *fields, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(fields[i], name) == 0)
			return 1;
	}
	return 0;
}

static enum fleet_kind kind_of_header(char *const *fields, unsigned count)
{
	int has_key = has_field(fields, count, "public"), has_version = has_field(fields, count, "version");
	if (has_key == has_version)
		return FLEET_KIND_UNKNOWN;
	return has_key ? FLEET_KIND_KEYS : FLEET_KIND_LIST;
}

static enum fleet_kind kind_of_fields(char *const *fields, unsigned count)
{
	uint64_t version;
	if (has_field(fields, count, "box_id"))
		return kind_of_header(fields, count);
	if (!policy_is_box_id(fields[0]))
		return FLEET_KIND_UNKNOWN;
	if (count == 2 && strlen(fields[1]) >= LEAST_KEY_LEN)
		return FLEET_KIND_KEYS;
	if (count >= 4 && policy_is_name(fields[1]) && map_value_number(fields[3], 0, UINT32_MAX, &version) == 0)
		return FLEET_KIND_LIST;
	return FLEET_KIND_UNKNOWN;
}

static enum fleet_kind kind_of_line(const char *start, size_t len)
{
	char line[LINE_READER_MAX + 1], *fields[MAX_FIELDS];
	unsigned count;
	if (len > LINE_READER_MAX)
		return FLEET_KIND_UNKNOWN;
	memcpy(line, start, len);
	line[len] = '\0';
	if (line[0] == '{')
		return strstr(line, "\"" ENVELOPE_TYPE_MAP "\"") ? FLEET_KIND_MAP : FLEET_KIND_REPORTS;
	if (strncmp(line, "carousel-map ", 13) == 0)
		return FLEET_KIND_MAP;
	if (len && line[len - 1] == '\r')
		line[len - 1] = '\0';
	if (line_reader_split(line, fleet_kind_delimiter(start, len), fields, MAX_FIELDS, &count) != 0)
		return FLEET_KIND_UNKNOWN;
	return kind_of_fields(fields, count);
}

enum fleet_kind fleet_kind_of(const char *bytes, size_t len)
{
	if (is_packed(bytes, len))
		return FLEET_KIND_PACKED;
	if (begins(bytes, len, "SQLite format 3", 16))
		return FLEET_KIND_DATABASE;
	while (len && (*bytes == '\n' || *bytes == '\r' || *bytes == ' ')) {
		bytes++;
		len--;
	}
	return kind_of_line(bytes, line_length(bytes, len));
}
