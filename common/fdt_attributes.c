#include "common/fdt_attributes.h"

#include "common/carousel_error.h"

#include <sodium.h>
#include <string.h>

/* xs:unsignedLong: decimal digits, spaces around them collapsed. */
static int number_parse(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t number = 0;
	const char *c = text;
	while (*c == ' ')
		c++;
	if (*c < '0' || *c > '9')
		return CAROUSEL_E_MALFORMED;
	for (; *c >= '0' && *c <= '9'; c++) {
		uint64_t digit = (uint64_t)(*c - '0');
		if (number > (max - digit) / 10)
			return CAROUSEL_E_MALFORMED;
		number = number * 10 + digit;
	}
	while (*c == ' ')
		c++;
	*value = number;
	return *c ? CAROUSEL_E_MALFORMED : 0;
}

static int boolean_parse(const char *text, bool *value)
{
	*value = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
	return *value || strcmp(text, "0") == 0 || strcmp(text, "false") == 0 ? 0 : CAROUSEL_E_MALFORMED;
}

static int set_flute(struct fdt_attributes *a, const char *name, const char *value)
{
	const struct {
		const char *name;
		uint32_t flag;
		uint64_t *field, max;
	} numbers[] = {
		{"Expires", FDT_HAS_EXPIRES, &a->expires, UINT32_MAX},
		{"TOI", FDT_HAS_TOI, &a->toi, UINT64_MAX},
		{"Content-Length", FDT_HAS_CONTENT_LENGTH, &a->content_length, UINT64_MAX},
		{"Transfer-Length", FDT_HAS_TRANSFER_LENGTH, &a->transfer_length, UINT64_MAX},
		{"FEC-OTI-FEC-Encoding-ID", FDT_HAS_ENCODING_ID, &a->encoding_id, 255},
		{"FEC-OTI-FEC-Instance-ID", FDT_HAS_INSTANCE_ID, &a->instance_id, UINT64_MAX},
		{"FEC-OTI-Maximum-Source-Block-Length", FDT_HAS_BLOCK_LENGTH, &a->block_length, UINT64_MAX},
		{"FEC-OTI-Encoding-Symbol-Length", FDT_HAS_SYMBOL_LENGTH, &a->symbol_length, UINT64_MAX},
		{"FEC-OTI-Max-Number-of-Encoding-Symbols", FDT_HAS_MAX_SYMBOLS, &a->max_symbols, UINT64_MAX},
	};
	const struct {
		const char *name, **field;
	} strings[] = {
		{"Content-Location", &a->content_location},
		{"Content-Type", &a->content_type},
		{"Content-Encoding", &a->content_encoding},
		{"FEC-OTI-Scheme-Specific-Info", &a->scheme_info},
	};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (strcmp(name, numbers[i].name) == 0) {
			a->present |= numbers[i].flag;
			return number_parse(value, numbers[i].max, numbers[i].field);
		}
	}
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		if (strcmp(name, strings[i].name) == 0)
			*strings[i].field = value;
	return strcmp(name, "Complete") == 0 ? boolean_parse(value, &a->complete) : 0;
}

static void set_carousel(struct fdt_attributes *a, const char *name, const char *value)
{
	if (strcmp(name, "version") == 0) {
		a->present |= FDT_HAS_VERSION;
		if (number_parse(value, UINT32_MAX, &a->version))
			a->own_error = CAROUSEL_E_MALFORMED;
	} else if (strcmp(name, "role") == 0) {
		a->role = value;
	} else if (strcmp(name, "class") == 0) {
		a->class_name = value;
	} else if (strcmp(name, "sha256") == 0) {
		a->sha256 = value;
	} else if (strcmp(name, "layout") == 0) {
		a->layout = value;
	}
}

int fdt_attributes_set(struct fdt_attributes *a, enum fdt_namespace in, const char *name, const char *value)
{
	if (in == FDT_IN_FLUTE)
		return set_flute(a, name, value);
	if (in == FDT_IN_CAROUSEL)
		set_carousel(a, name, value);
	return 0;
}

static uint64_t pick(const struct fdt_attributes *own, const struct fdt_attributes *instance, uint32_t flag,
	uint64_t own_value, uint64_t instance_value)
{
	if (own->present & flag)
		return own_value;
	return instance->present & flag ? instance_value : 0;
}

/* Z, N and Al, RFC 6330 section 3.3.3, as RFC 6726 section 5 carries them. */
static int scheme_info_raptorq(const char *text, struct fec_oti *oti)
{
	uint8_t info[4];
	size_t len;
	if (text == NULL || sodium_base642bin(info, sizeof info, text, strlen(text), " \t\r\n", &len, NULL,
				    sodium_base64_VARIANT_ORIGINAL) != 0)
		return CAROUSEL_E_OTI;
	if (len != sizeof info)
		return CAROUSEL_E_OTI;
	oti->num_blocks = info[0];
	oti->num_sub_blocks = bytes_get_be16(info + 1);
	oti->alignment = info[3];
	return 0;
}

static int file_oti(const struct fdt_attributes *own, const struct fdt_attributes *instance,
	const struct fec_limits *limits, struct fdt_file *file)
{
	struct fec_oti oti = {.transfer_length = file->transfer_length};
	uint64_t instance_id, block_length, symbol_length, max_symbols;
	int result = 0;
	if (!((own->present | instance->present) & FDT_HAS_ENCODING_ID))
		return 0;
	oti.encoding_id = (uint8_t)pick(own, instance, FDT_HAS_ENCODING_ID, own->encoding_id, instance->encoding_id);
	instance_id = pick(own, instance, FDT_HAS_INSTANCE_ID, own->instance_id, instance->instance_id);
	block_length = pick(own, instance, FDT_HAS_BLOCK_LENGTH, own->block_length, instance->block_length);
	symbol_length = pick(own, instance, FDT_HAS_SYMBOL_LENGTH, own->symbol_length, instance->symbol_length);
	max_symbols = pick(own, instance, FDT_HAS_MAX_SYMBOLS, own->max_symbols, instance->max_symbols);
	if (!file->has_transfer_length || instance_id > UINT16_MAX || block_length > UINT32_MAX ||
		symbol_length > UINT16_MAX || max_symbols > UINT32_MAX)
		return CAROUSEL_E_OTI;
	oti.instance_id = (uint16_t)instance_id;
	oti.max_block_symbols = (uint32_t)block_length;
	oti.symbol_size = (uint16_t)symbol_length;
	oti.max_encoding_symbols = (uint32_t)max_symbols;
	if (oti.encoding_id == FEC_RAPTORQ)
		result = scheme_info_raptorq(own->scheme_info ? own->scheme_info : instance->scheme_info, &oti);
	if (result == 0)
		result = fec_oti_check(&oti, limits);
	if (result)
		return result;
	file->has_oti = true;
	file->oti = oti;
	return 0;
}

static int copy_word(char *to, size_t size, const char *from)
{
	size_t len = from ? strlen(from) : 0;
	if (len >= size)
		return CAROUSEL_E_MALFORMED;
	if (len)
		memcpy(to, from, len);
	to[len] = 0;
	return 0;
}

static int file_own_attributes(const struct fdt_attributes *own, struct fdt_file *file)
{
	size_t len;
	if (own->own_error)
		return own->own_error;
	file->version = (uint32_t)own->version;
	if (copy_word(file->role, sizeof file->role, own->role) ||
		copy_word(file->class_name, sizeof file->class_name, own->class_name))
		return CAROUSEL_E_MALFORMED;
	if (own->sha256) {
		if (strlen(own->sha256) != 2 * sizeof file->sha256 ||
			sodium_hex2bin(file->sha256, sizeof file->sha256, own->sha256, 2 * sizeof file->sha256, NULL,
				&len, NULL) != 0 ||
			len != sizeof file->sha256)
			return CAROUSEL_E_MALFORMED;
		file->has_sha256 = true;
	}
	return own->layout ? object_layout_parse(own->layout, &file->layout) : 0;
}

int fdt_attributes_file(const struct fdt_attributes *own, const struct fdt_attributes *instance,
	const struct fec_limits *limits, struct fdt_file *file)
{
	const struct fdt_file empty = {.toi = own->toi};
	*file = empty;
	if (!(own->present & FDT_HAS_TOI) || own->toi == 0 || own->content_location == NULL ||
		own->content_location[0] == 0)
		return CAROUSEL_E_MALFORMED;
	file->content_location = own->content_location;
	file->content_type = own->content_type ? own->content_type : instance->content_type;
	file->content_encoding = own->content_encoding ? own->content_encoding : instance->content_encoding;
	file->has_content_length = (own->present & FDT_HAS_CONTENT_LENGTH) != 0;
	file->content_length = own->content_length;
	file->has_transfer_length = (own->present & FDT_HAS_TRANSFER_LENGTH) != 0;
	file->transfer_length = own->transfer_length;
	if (!file->has_transfer_length && file->has_content_length && file->content_encoding == NULL) {
		file->has_transfer_length = true;
		file->transfer_length = own->content_length;
	}
	file->error = file_own_attributes(own, file);
	if (file->error == 0)
		file->error = file_oti(own, instance, limits, file);
	return 0;
}
