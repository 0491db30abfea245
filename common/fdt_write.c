#include "common/fdt.h"

#include "common/carousel_error.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void write_text(struct bytes_writer *w, const char *text)
{
	bytes_write(w, text, strlen(text));
}

static void writer_fail(struct bytes_writer *w, int error)
{
	if (w->error == 0)
		w->error = error;
}

/* Length of one UTF-8 character that XML 1.0 allows (section 2.2, controls excluded), else 0. RFC 3629 section 4. */
static size_t xml_character(const uint8_t *c)
{
	if (c[0] < 0x80)
		return c[0] >= 0x20 && c[0] != 0x7f;
	if (c[0] >= 0xc2 && c[0] <= 0xdf)
		return c[1] >> 6 == 2 ? 2 : 0;
	if (c[0] >= 0xe0 && c[0] <= 0xef) {
		if (c[1] >> 6 != 2 || c[2] >> 6 != 2)
			return 0;
		if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f))
			return 0;
		return c[0] == 0xef && c[1] == 0xbf && c[2] >= 0xbe ? 0 : 3;
	}
	if (c[0] >= 0xf0 && c[0] <= 0xf4) {
		if (c[1] >> 6 != 2 || c[2] >> 6 != 2 || c[3] >> 6 != 2)
			return 0;
		return (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f) ? 0 : 4;
	}
	return 0;
}

static void write_escaped(struct bytes_writer *w, const char *text)
{
	const uint8_t *c = (const uint8_t *)text;
	while (*c) {
		size_t len = xml_character(c);
		if (len == 0) {
			writer_fail(w, CAROUSEL_E_ARGUMENT);
			return;
		}
		if (*c == '&')
			write_text(w, "&amp;");
		else if (*c == '<')
			write_text(w, "&lt;");
		else if (*c == '>')
			write_text(w, "&gt;");
		else if (*c == '"')
			write_text(w, "&quot;");
		else
			bytes_write(w, c, len);
		c += len;
	}
}

static void write_string(struct bytes_writer *w, const char *name, const char *value)
{
	if (value == NULL)
		return;
	write_text(w, " ");
	write_text(w, name);
	write_text(w, "=\"");
	write_escaped(w, value);
	write_text(w, "\"");
}

static void write_number(struct bytes_writer *w, const char *name, uint64_t value)
{
	char digits[24];
	snprintf(digits, sizeof digits, "%" PRIu64, value);
	write_string(w, name, digits);
}

static void write_oti(struct bytes_writer *w, const struct fec_oti *oti)
{
	write_number(w, "FEC-OTI-FEC-Encoding-ID", oti->encoding_id);
	if (oti->encoding_id == FEC_SMALL_BLOCK)
		write_number(w, "FEC-OTI-FEC-Instance-ID", oti->instance_id);
	if (oti->encoding_id != FEC_RAPTORQ)
		write_number(w, "FEC-OTI-Maximum-Source-Block-Length", oti->max_block_symbols);
	write_number(w, "FEC-OTI-Encoding-Symbol-Length", oti->symbol_size);
	if (oti->encoding_id == FEC_REED_SOLOMON_GF256 || oti->encoding_id == FEC_SMALL_BLOCK)
		write_number(w, "FEC-OTI-Max-Number-of-Encoding-Symbols", oti->max_encoding_symbols);
	if (oti->encoding_id == FEC_RAPTORQ) {
		const uint8_t info[4] = {(uint8_t)oti->num_blocks, (uint8_t)(oti->num_sub_blocks >> 8),
			(uint8_t)oti->num_sub_blocks, oti->alignment};
		char text[sodium_base64_ENCODED_LEN(sizeof info, sodium_base64_VARIANT_ORIGINAL)];
		sodium_bin2base64(text, sizeof text, info, sizeof info, sodium_base64_VARIANT_ORIGINAL);
		write_string(w, "FEC-OTI-Scheme-Specific-Info", text);
	}
}

static void write_own_attributes(struct bytes_writer *w, const struct fdt_file *file)
{
	char hex[2 * sizeof file->sha256 + 1];
	if (file->role[0])
		write_string(w, "c:role", file->role);
	if (file->class_name[0])
		write_string(w, "c:class", file->class_name);
	if (file->version)
		write_number(w, "c:version", file->version);
	if (file->has_sha256) {
		sodium_bin2hex(hex, sizeof hex, file->sha256, sizeof file->sha256);
		write_string(w, "c:sha256", hex);
	}
	if (file->layout != OBJECT_LINEAR)
		write_string(w, "c:layout", object_layout_name(file->layout));
}

static void write_file(struct bytes_writer *w, const struct fdt_file *file)
{
	if (file->toi == 0 || file->content_location == NULL || file->content_location[0] == 0) {
		writer_fail(w, CAROUSEL_E_ARGUMENT);
		return;
	}
	write_text(w, " <File");
	write_number(w, "TOI", file->toi);
	write_string(w, "Content-Location", file->content_location);
	if (file->has_content_length)
		write_number(w, "Content-Length", file->content_length);
	if (file->has_transfer_length)
		write_number(w, "Transfer-Length", file->transfer_length);
	write_string(w, "Content-Type", file->content_type);
	write_string(w, "Content-Encoding", file->content_encoding);
	if (file->has_oti)
		write_oti(w, &file->oti);
	write_own_attributes(w, file);
	write_text(w, "/>\n");
}

int fdt_write(struct bytes_writer *w, const struct fdt *fdt, uint8_t flute_version)
{
	if (flute_version != 1 && flute_version != 2)
		return CAROUSEL_E_ARGUMENT;
	write_text(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<FDT-Instance");
	write_string(w, "xmlns", flute_version == 1 ? FDT_NAMESPACE_V1 : FDT_NAMESPACE_V2);
	write_string(w, "xmlns:c", FDT_NAMESPACE_CAROUSEL);
	write_number(w, "Expires", fdt->expires_ntp_s & UINT32_MAX);
	if (fdt->complete)
		write_string(w, "Complete", "true");
	write_text(w, ">\n");
	for (uint32_t i = 0; i < fdt->num_files; i++)
		write_file(w, &fdt->files[i]);
	write_text(w, "</FDT-Instance>\n");
	return w->error;
}
