#include "common/fdt.h"

#include "common/carousel_error.h"
#include "common/fdt_attributes.h"

#include <expat.h>
#include <limits.h>
#include <string.h>

#define NAMESPACE_SEPARATOR '\n' /* no namespace name can contain it */

struct fdt_string {
	struct fdt_string *next;
	char text[];
};

/* A parsed table: what the caller sees, and what fdt_free() must give back. */
struct fdt_parsed {
	struct fdt fdt; /* first */
	struct fdt_string *strings;
	size_t cap;
};

struct fdt_parser {
	XML_Parser expat;
	struct fdt_limits limits;
	struct fdt_parsed *parsed;
	struct fdt_attributes instance; /* common to all files, RFC 6726 section 3.4.2 */
	uint32_t depth;
	int error;
};

static void parser_fail(struct fdt_parser *p, int error)
{
	if (p->error == 0)
		p->error = error;
	XML_StopParser(p->expat, XML_FALSE);
}

/* A copy that lives as long as the table; NULL stays NULL. */
static int parsed_keep(struct fdt_parsed *parsed, const char *text, const char **kept)
{
	struct fdt_string *string;
	size_t len;
	*kept = NULL;
	if (text == NULL)
		return 0;
	len = strlen(text);
	string = memory_alloc(parsed->fdt.allocator, 1, sizeof *string + len + 1);
	if (string == NULL)
		return CAROUSEL_E_MEMORY;
	memcpy(string->text, text, len + 1);
	string->next = parsed->strings;
	parsed->strings = string;
	*kept = string->text;
	return 0;
}

void fdt_free(struct fdt *fdt)
{
	struct fdt_parsed *parsed = (struct fdt_parsed *)(void *)fdt;
	const struct carousel_allocator *a;
	if (fdt == NULL)
		return;
	a = fdt->allocator;
	while (parsed->strings) {
		struct fdt_string *next = parsed->strings->next;
		memory_free(a, parsed->strings);
		parsed->strings = next;
	}
	memory_free(a, fdt->files);
	memory_free(a, parsed);
}

static bool is_fdt_namespace(const char *name, size_t len)
{
	static const char *const known[] = {FDT_NAMESPACE_V2, FDT_NAMESPACE_2005, FDT_NAMESPACE_V1};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strlen(known[i]) == len && memcmp(known[i], name, len) == 0)
			return true;
	return len == 0;
}

/* Which namespace a name of expat is in; *local is what follows the separator. */
static enum fdt_namespace name_split(const char *name, const char **local)
{
	const char *separator = strchr(name, NAMESPACE_SEPARATOR);
	size_t len = separator ? (size_t)(separator - name) : 0;
	*local = separator ? separator + 1 : name;
	if (is_fdt_namespace(name, len))
		return FDT_IN_FLUTE;
	if (len == strlen(FDT_NAMESPACE_CAROUSEL) && memcmp(name, FDT_NAMESPACE_CAROUSEL, len) == 0)
		return FDT_IN_CAROUSEL;
	return FDT_IN_OTHER;
}

static int attributes_read(struct fdt_parser *p, const XML_Char **pairs, struct fdt_attributes *a)
{
	for (; pairs[0]; pairs += 2) {
		const char *local;
		enum fdt_namespace in = name_split(pairs[0], &local);
		int result;
		if (strlen(pairs[1]) > p->limits.max_attribute)
			return CAROUSEL_E_LIMIT;
		result = fdt_attributes_set(a, in, local, pairs[1]);
		if (result)
			return result;
	}
	return 0;
}

static int parser_instance(struct fdt_parser *p, const XML_Char **pairs)
{
	struct fdt_parsed *parsed = p->parsed;
	int result = attributes_read(p, pairs, &p->instance);
	if (result)
		return result;
	if (!(p->instance.present & FDT_HAS_EXPIRES))
		return CAROUSEL_E_MALFORMED;
	parsed->fdt.expires_ntp_s = p->instance.expires;
	parsed->fdt.complete = p->instance.complete;
	/* These outlive the element, and are what each file falls back to. */
	result = parsed_keep(parsed, p->instance.content_type, &p->instance.content_type);
	if (result == 0)
		result = parsed_keep(parsed, p->instance.content_encoding, &p->instance.content_encoding);
	return result ? result : parsed_keep(parsed, p->instance.scheme_info, &p->instance.scheme_info);
}

static int parser_file(struct fdt_parser *p, const XML_Char **pairs)
{
	struct fdt_parsed *parsed = p->parsed;
	struct fdt_attributes own = {.present = 0};
	struct fdt_file file;
	void *files = parsed->fdt.files;
	int result = attributes_read(p, pairs, &own);
	if (result == 0)
		result = fdt_attributes_file(&own, &p->instance, &p->limits.fec, &file);
	if (result)
		return result;
	result = memory_grow(
		parsed->fdt.allocator, &files, &parsed->cap, parsed->fdt.num_files, sizeof file, p->limits.max_files);
	parsed->fdt.files = files;
	if (result)
		return result;
	result = parsed_keep(parsed, file.content_location, &file.content_location);
	if (result == 0 && own.content_type)
		result = parsed_keep(parsed, file.content_type, &file.content_type);
	if (result == 0 && own.content_encoding)
		result = parsed_keep(parsed, file.content_encoding, &file.content_encoding);
	if (result)
		return result;
	parsed->fdt.files[parsed->fdt.num_files++] = file;
	return 0;
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **pairs)
{
	struct fdt_parser *p = user;
	const char *local;
	enum fdt_namespace in = name_split(name, &local);
	int result = 0;
	if (p->depth++ >= p->limits.max_depth)
		result = CAROUSEL_E_LIMIT;
	else if (p->depth == 1)
		result = in == FDT_IN_FLUTE && strcmp(local, "FDT-Instance") == 0 ? parser_instance(p, pairs)
										  : CAROUSEL_E_MALFORMED;
	else if (p->depth == 2 && in == FDT_IN_FLUTE && strcmp(local, "File") == 0)
		result = parser_file(p, pairs);
	if (result)
		parser_fail(p, result);
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
	struct fdt_parser *p = user;
	(void)name;
	p->depth--;
}

/* No document type, hence no entities but XML's own five and nothing that could expand. */
static void XMLCALL on_doctype(
	void *user, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id, int has_internal_subset)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_internal_subset;
	parser_fail(user, CAROUSEL_E_MALFORMED);
}

static void limits_default(struct fdt_limits *out, const struct fdt_limits *in)
{
	const struct fdt_limits none = {0};
	*out = in ? *in : none;
	if (out->max_bytes == 0)
		out->max_bytes = (size_t)1 << 20;
	if (out->max_bytes > INT_MAX)
		out->max_bytes = INT_MAX;
	if (out->max_files == 0)
		out->max_files = 4096;
	if (out->max_depth == 0)
		out->max_depth = 8;
	if (out->max_attribute == 0)
		out->max_attribute = 1024;
}

static int parser_run(struct fdt_parser *p, const void *xml, size_t len)
{
	enum XML_Status status;
	p->expat = XML_ParserCreateNS(NULL, NAMESPACE_SEPARATOR);
	if (p->expat == NULL)
		return CAROUSEL_E_MEMORY;
	XML_SetUserData(p->expat, p);
	XML_SetElementHandler(p->expat, on_start, on_end);
	XML_SetStartDoctypeDeclHandler(p->expat, on_doctype);
	status = XML_Parse(p->expat, xml, (int)len, XML_TRUE);
	if (status != XML_STATUS_OK && p->error == 0)
		p->error = XML_GetErrorCode(p->expat) == XML_ERROR_NO_MEMORY ? CAROUSEL_E_MEMORY : CAROUSEL_E_MALFORMED;
	XML_ParserFree(p->expat);
	return p->error;
}

int fdt_parse(const struct carousel_allocator *a, const struct fdt_limits *limits, const void *xml, size_t len,
	struct fdt **fdt)
{
	struct fdt_parser p = {.depth = 0};
	int result;
	*fdt = NULL;
	limits_default(&p.limits, limits);
	if (len > p.limits.max_bytes)
		return CAROUSEL_E_LIMIT;
	p.parsed = memory_alloc(a, 1, sizeof *p.parsed);
	if (p.parsed == NULL)
		return CAROUSEL_E_MEMORY;
	p.parsed->fdt.allocator = a;
	result = parser_run(&p, xml, len);
	if (result) {
		fdt_free(&p.parsed->fdt);
		return result;
	}
	*fdt = &p.parsed->fdt;
	return 0;
}

const struct fdt_file *fdt_find(const struct fdt *fdt, uint64_t toi)
{
	for (uint32_t i = 0; i < fdt->num_files; i++)
		if (fdt->files[i].toi == toi)
			return &fdt->files[i];
	return NULL;
}

uint64_t fdt_expiry(const struct fdt *fdt, uint64_t now_ntp_s)
{
	const uint64_t era = (uint64_t)1 << 32;
	uint64_t expiry = (now_ntp_s & ~(era - 1)) | (fdt->expires_ntp_s & (era - 1));
	if (expiry > now_ntp_s && expiry - now_ntp_s > era / 2 && expiry >= era)
		return expiry - era;
	if (expiry < now_ntp_s && now_ntp_s - expiry > era / 2)
		return expiry + era;
	return expiry;
}
