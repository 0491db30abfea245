/* covers: common/fdt.c common/fdt_attributes.c common/fdt_write.c */
#include "tests/lib/test.h"

#include "common/carousel_error.h"
#include "common/fdt.h"
#include "tests/lib/fault_alloc.h"

#include <stdio.h>

static int parse(const char *xml, struct fdt **fdt)
{
	return fdt_parse(NULL, NULL, xml, strlen(xml), fdt);
}

/* Wraps File elements (and attributes of FDT-Instance) into a table. */
static int parse_files(const char *instance, const char *files, struct fdt **fdt)
{
	char xml[8192];
	snprintf(xml, sizeof xml,
		"<?xml version=\"1.0\"?><FDT-Instance xmlns=\"%s\" xmlns:c=\"%s\" Expires=\"100\" %s>%s</FDT-Instance>",
		FDT_NAMESPACE_V2, FDT_NAMESPACE_CAROUSEL, instance, files);
	return parse(xml, fdt);
}

static const char small_file[] = "<File TOI=\"7\" Content-Location=\"a\" Content-Length=\"1000\" "
				 "FEC-OTI-FEC-Encoding-ID=\"0\" FEC-OTI-Maximum-Source-Block-Length=\"64\" "
				 "FEC-OTI-Encoding-Symbol-Length=\"100\"/>";

/* A table as a sender of multimedia broadcasts writes it: prefixed elements, vendor extensions, attributes of all
 * files on the instance. */
static const char foreign[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<f:FDT-Instance xmlns:f=\"urn:IETF:metadata:2005:FLUTE:FDT\" xmlns:v=\"urn:vendor\" Expires=\"3892345678\"\n"
	" Complete=\"true\" FEC-OTI-FEC-Encoding-ID=\"0\" FEC-OTI-Maximum-Source-Block-Length=\"64\"\n"
	" FEC-OTI-Encoding-Symbol-Length=\"1400\" Content-Type=\"video/mp4\">\n"
	" <v:baseURL><v:deep/></v:baseURL>\n"
	" <f:File TOI=\"1\" Content-Location=\"http://example.com/a?x=1&amp;y=2\" Content-Length=\"150000\"\n"
	"  v:cache=\"no\"><v:Cache-Control>1</v:Cache-Control></f:File>\n"
	" <f:File TOI=\" 18446744073709551615 \" Content-Location=\"file:///../../etc/passwd\" Content-Length=\"10\"\n"
	"  Transfer-Length=\"9\" Content-Encoding=\"gzip\" Content-Type=\"text/plain\"\n"
	"  FEC-OTI-Encoding-Symbol-Length=\"3\"/>\n"
	"</f:FDT-Instance>\n";

static void test_foreign_table(void **state)
{
	struct fdt *fdt;
	const struct fdt_file *file;
	(void)state;
	assert_int_equal(parse(foreign, &fdt), 0);
	assert_true(fdt->expires_ntp_s == 3892345678u && fdt->complete);
	assert_int_equal(fdt->num_files, 2);
	file = fdt_find(fdt, 1);
	assert_non_null(file);
	assert_int_equal(file->error, 0);
	assert_string_equal(file->content_location, "http://example.com/a?x=1&y=2");
	assert_string_equal(file->content_type, "video/mp4");
	assert_null(file->content_encoding);
	assert_true(file->has_transfer_length && file->transfer_length == 150000);
	assert_true(file->has_oti && file->oti.symbol_size == 1400 && file->oti.num_blocks == 2);
	assert_true(file->role[0] == 0 && file->layout == OBJECT_LINEAR && !file->has_sha256);
	file = fdt_find(fdt, UINT64_MAX);
	assert_non_null(file);
	assert_string_equal(file->content_location, "file:///../../etc/passwd"); /* a name, whatever it says */
	assert_string_equal(file->content_type, "text/plain");
	assert_string_equal(file->content_encoding, "gzip");
	assert_true(file->content_length == 10 && file->transfer_length == 9);
	assert_true(file->oti.symbol_size == 3 && file->oti.max_block_symbols == 64);
	assert_null(fdt_find(fdt, 2));
	fdt_free(fdt);
}

static void test_namespaces(void **state)
{
	static const struct {
		const char *root;
		int result;
	} rows[] = {
		{"<FDT-Instance xmlns=\"" FDT_NAMESPACE_V2 "\" Expires=\"1\"/>", 0},
		{"<FDT-Instance xmlns=\"" FDT_NAMESPACE_2005 "\" Expires=\"1\"/>", 0},
		{"<FDT-Instance xmlns=\"" FDT_NAMESPACE_V1 "\" Expires=\"1\"/>", 0},
		{"<FDT-Instance Expires=\"1\"/>", 0},
		{"<FDT-Instance xmlns=\"urn:other\" Expires=\"1\"/>", CAROUSEL_E_MALFORMED},
		{"<FDT-Instance xmlns=\"" FDT_NAMESPACE_CAROUSEL "\" Expires=\"1\"/>", CAROUSEL_E_MALFORMED},
		{"<FDT Expires=\"1\"/>", CAROUSEL_E_MALFORMED},
		{"<FDT-Instance/>", CAROUSEL_E_MALFORMED},
		{"<FDT-Instance Expires=\"4294967296\"/>", CAROUSEL_E_MALFORMED},
		{"<FDT-Instance Expires=\"-1\"/>", CAROUSEL_E_MALFORMED},
		{"<FDT-Instance Expires=\"1\" Complete=\"maybe\"/>", CAROUSEL_E_MALFORMED},
		{"<FDT-Instance Expires=\"1\"/><a/>", CAROUSEL_E_MALFORMED},
		{"<FDT-Instance Expires=\"1\">", CAROUSEL_E_MALFORMED},
		{"", CAROUSEL_E_MALFORMED},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fdt *fdt;
		assert_int_equal(parse(rows[i].root, &fdt), rows[i].result);
		assert_true((fdt == NULL) == (rows[i].result != 0));
		fdt_free(fdt);
	}
}

static void test_entries_need_toi_and_location(void **state)
{
	static const char *const bad[] = {
		"<File Content-Location=\"a\"/>",
		"<File TOI=\"0\" Content-Location=\"a\"/>",
		"<File TOI=\"18446744073709551616\" Content-Location=\"a\"/>",
		"<File TOI=\"1x\" Content-Location=\"a\"/>",
		"<File TOI=\"\" Content-Location=\"a\"/>",
		"<File TOI=\"1\"/>",
		"<File TOI=\"1\" Content-Location=\"\"/>",
		"<File TOI=\"1\" Content-Location=\"a\" FEC-OTI-FEC-Encoding-ID=\"256\"/>",
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fdt *fdt;
		assert_int_equal(parse_files("", bad[i], &fdt), CAROUSEL_E_MALFORMED);
		assert_null(fdt);
	}
}

/* One entry that cannot be used leaves the others usable. */
static void assert_file_error(const char *attributes, int error)
{
	char file[1024];
	struct fdt *fdt;
	snprintf(file, sizeof file, "%s<File TOI=\"8\" Content-Location=\"b\" %s/>", small_file, attributes);
	assert_int_equal(parse_files("", file, &fdt), 0);
	assert_int_equal(fdt_find(fdt, 7)->error, 0);
	assert_int_equal(fdt_find(fdt, 8)->error, error);
	assert_true(fdt_find(fdt, 8)->has_oti == false || error == 0);
	fdt_free(fdt);
}

#define RAPTORQ "Transfer-Length=\"5000\" FEC-OTI-FEC-Encoding-ID=\"6\" FEC-OTI-Encoding-Symbol-Length=\"100\" "

static void test_entry_errors(void **state)
{
	(void)state;
	assert_file_error("", 0);
	assert_file_error(RAPTORQ "FEC-OTI-Scheme-Specific-Info=\"BQABBA==\"", 0);
	assert_file_error(RAPTORQ "FEC-OTI-Scheme-Specific-Info=\" BQAB BA== \"", 0);
	assert_file_error(RAPTORQ, CAROUSEL_E_OTI);
	assert_file_error(RAPTORQ "FEC-OTI-Scheme-Specific-Info=\"BQAB\"", CAROUSEL_E_OTI);
	assert_file_error(RAPTORQ "FEC-OTI-Scheme-Specific-Info=\"BQABBAUF\"", CAROUSEL_E_OTI);
	assert_file_error(RAPTORQ "FEC-OTI-Scheme-Specific-Info=\"%%%%\"", CAROUSEL_E_OTI);
	assert_file_error(RAPTORQ "FEC-OTI-Scheme-Specific-Info=\"AAABBA==\"", CAROUSEL_E_OTI); /* Z = 0 */
	assert_file_error("FEC-OTI-FEC-Encoding-ID=\"0\"", CAROUSEL_E_OTI);
	assert_file_error("Content-Length=\"5\" Content-Encoding=\"gzip\" FEC-OTI-FEC-Encoding-ID=\"0\" "
			  "FEC-OTI-Maximum-Source-Block-Length=\"64\" FEC-OTI-Encoding-Symbol-Length=\"100\"",
		CAROUSEL_E_OTI);
	assert_file_error("Content-Length=\"5\" FEC-OTI-FEC-Encoding-ID=\"0\" "
			  "FEC-OTI-Maximum-Source-Block-Length=\"64\" FEC-OTI-Encoding-Symbol-Length=\"65536\"",
		CAROUSEL_E_OTI);
	assert_file_error("Content-Length=\"5\" FEC-OTI-FEC-Encoding-ID=\"3\"", CAROUSEL_E_UNSUPPORTED);
	assert_file_error("c:layout=\"spiral\"", CAROUSEL_E_UNKNOWN_WORD);
	assert_file_error("c:version=\"4294967296\"", CAROUSEL_E_MALFORMED);
	assert_file_error("c:version=\"new\"", CAROUSEL_E_MALFORMED);
	assert_file_error("c:role=\"a-role-of-16-char\"", CAROUSEL_E_MALFORMED);
	assert_file_error("c:sha256=\"00\"", CAROUSEL_E_MALFORMED);
	assert_file_error(
		"c:sha256=\"zz00000000000000000000000000000000000000000000000000000000000000\"", CAROUSEL_E_MALFORMED);
	assert_file_error("c:colour=\"red\" colour=\"red\"", 0);
}

static void test_instance_gives_scheme_info(void **state)
{
	struct fdt *fdt;
	(void)state;
	assert_int_equal(parse_files("FEC-OTI-FEC-Encoding-ID=\"6\" FEC-OTI-Encoding-Symbol-Length=\"100\" "
				     "FEC-OTI-Scheme-Specific-Info=\"BQABBA==\"",
				 "<File TOI=\"1\" Content-Location=\"a\" Transfer-Length=\"5000\"/>"
				 "<File TOI=\"2\" Content-Location=\"a\" Transfer-Length=\"400\"/>",
				 &fdt),
		0);
	assert_true(fdt->files[0].has_oti && fdt->files[0].oti.num_blocks == 5 && fdt->files[0].oti.alignment == 4);
	assert_int_equal(fdt->files[1].error, CAROUSEL_E_OTI);
	fdt_free(fdt);
}

static void test_document_types_are_refused(void **state)
{
	static const char *const bad[] = {
		"<!DOCTYPE FDT-Instance [<!ENTITY a \"aaaaaaaa\">]><FDT-Instance Expires=\"1\">&a;</FDT-Instance>",
		"<!DOCTYPE FDT-Instance SYSTEM \"file:///etc/passwd\"><FDT-Instance Expires=\"1\"/>",
		"<!DOCTYPE FDT-Instance><FDT-Instance Expires=\"1\"/>",
		"<FDT-Instance Expires=\"1\">&b;</FDT-Instance>",
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fdt *fdt;
		assert_int_equal(parse(bad[i], &fdt), CAROUSEL_E_MALFORMED);
	}
}

static void test_limits(void **state)
{
	static const char xml[] =
		"<FDT-Instance Expires=\"1\"><a><b/></a><File TOI=\"1\" Content-Location=\"0123456789\"/>"
		"<File TOI=\"2\" Content-Location=\"x\"/></FDT-Instance>";
	struct fdt_limits limits = {.max_bytes = sizeof xml - 1, .max_files = 2, .max_depth = 3, .max_attribute = 10};
	const struct fdt_limits enough = limits;
	struct fdt *fdt;
	(void)state;
	assert_int_equal(fdt_parse(NULL, &limits, xml, sizeof xml - 1, &fdt), 0);
	fdt_free(fdt);
	limits.max_bytes--;
	assert_int_equal(fdt_parse(NULL, &limits, xml, sizeof xml - 1, &fdt), CAROUSEL_E_LIMIT);
	limits = enough;
	limits.max_files--;
	assert_int_equal(fdt_parse(NULL, &limits, xml, sizeof xml - 1, &fdt), CAROUSEL_E_LIMIT);
	limits = enough;
	limits.max_depth--;
	assert_int_equal(fdt_parse(NULL, &limits, xml, sizeof xml - 1, &fdt), CAROUSEL_E_LIMIT);
	limits = enough;
	limits.max_attribute--;
	assert_int_equal(fdt_parse(NULL, &limits, xml, sizeof xml - 1, &fdt), CAROUSEL_E_LIMIT);
	limits = enough;
	limits.fec.max_transfer_length = 999;
	limits.max_bytes = 0;
	limits.max_attribute = 0;
	{
		char table[1024];
		snprintf(table, sizeof table, "<FDT-Instance Expires=\"1\">%s</FDT-Instance>", small_file);
		assert_int_equal(fdt_parse(NULL, &limits, table, strlen(table), &fdt), 0);
		assert_int_equal(fdt->files[0].error, CAROUSEL_E_LIMIT);
		fdt_free(fdt);
	}
}

static void test_depth_cannot_exhaust_the_stack(void **state)
{
	const size_t depth = 50000;
	char *xml = malloc(depth * 3 + 64);
	size_t len = (size_t)sprintf(xml, "<FDT-Instance Expires=\"1\">");
	struct fdt *fdt;
	(void)state;
	for (size_t i = 0; i < depth; i++)
		len += (size_t)sprintf(xml + len, "<a>");
	assert_int_equal(fdt_parse(NULL, NULL, xml, len, &fdt), CAROUSEL_E_LIMIT);
	free(xml);
}

static int decode(void *user, const uint8_t *data, size_t len)
{
	struct fdt *fdt;
	int result = fdt_parse(NULL, NULL, data, len, &fdt);
	(void)user;
	fdt_free(fdt);
	return result;
}

static void test_truncations_are_found(void **state)
{
	(void)state;
	/* without the white space after the root element, which may be missing */
	test_truncations(decode, NULL, (const uint8_t *)foreign, sizeof foreign - 2);
}

static int parse_foreign(const struct carousel_allocator *a, void *user)
{
	struct fdt *fdt;
	int result = fdt_parse(a, NULL, foreign, sizeof foreign - 1, &fdt);
	(void)user;
	fdt_free(fdt);
	return result;
}

static void test_no_memory(void **state)
{
	(void)state;
	assert_true(fault_alloc_all(parse_foreign, NULL) >= 7);
}

static const struct {
	struct fec_oti oti;
	enum object_layout_kind layout;
} schemes[] = {
	{{.encoding_id = FEC_RAPTORQ,
		 .transfer_length = 12 * 4096,
		 .symbol_size = 1024,
		 .num_blocks = 3,
		 .num_sub_blocks = 1,
		 .alignment = 8},
		OBJECT_STRIPED},
	{{.encoding_id = FEC_COMPACT_NO_CODE, .transfer_length = 9000, .symbol_size = 1400, .max_block_symbols = 64},
		OBJECT_LINEAR},
	{{.encoding_id = FEC_REED_SOLOMON_GF256,
		 .transfer_length = 9000,
		 .symbol_size = 100,
		 .max_block_symbols = 20,
		 .max_encoding_symbols = 30},
		OBJECT_LINEAR},
	{{.encoding_id = FEC_SMALL_BLOCK,
		 .instance_id = FEC_INSTANCE_ISA_L_CAUCHY,
		 .transfer_length = 9000,
		 .symbol_size = 100,
		 .max_block_symbols = 20,
		 .max_encoding_symbols = 25},
		OBJECT_LINEAR},
};
enum { NUM_SCHEMES = sizeof schemes / sizeof *schemes };

static void fill_files(struct fdt_file files[NUM_SCHEMES])
{
	memset(files, 0, NUM_SCHEMES * sizeof *files);
	for (uint32_t i = 0; i < NUM_SCHEMES; i++) {
		struct fdt_file *f = &files[i];
		f->toi = 100 + i;
		f->content_location = "urn:x:<a>&\"b\"' \xc3\xa9";
		f->content_type = i & 1 ? "application/octet-stream" : NULL;
		f->content_encoding = i & 2 ? "gzip" : NULL;
		f->has_content_length = f->has_transfer_length = f->has_oti = true;
		f->content_length = 11 * 4096 + i;
		f->oti = schemes[i].oti;
		assert_int_equal(fec_oti_check(&f->oti, NULL), 0);
		f->transfer_length = f->oti.transfer_length;
		f->layout = schemes[i].layout;
		strcpy(f->role, "image");
		strcpy(f->class_name, "box2-fpu-4mb");
		f->version = 105 + i;
		f->has_sha256 = i != 1;
		memset(f->sha256, f->has_sha256 ? 0xa5 : 0, sizeof f->sha256);
	}
}

static void assert_same_file(const struct fdt_file *a, const struct fdt_file *b)
{
	assert_int_equal(b->error, 0);
	assert_true(a->toi == b->toi && a->content_length == b->content_length);
	assert_true(a->transfer_length == b->transfer_length);
	assert_string_equal(a->content_location, b->content_location);
	assert_true((a->content_type == NULL) == (b->content_type == NULL));
	assert_true((a->content_encoding == NULL) == (b->content_encoding == NULL));
	assert_true(b->has_oti && fec_oti_is_equal(&a->oti, &b->oti));
	assert_true(a->layout == b->layout && a->version == b->version && a->has_sha256 == b->has_sha256);
	assert_string_equal(a->role, b->role);
	assert_string_equal(a->class_name, b->class_name);
	assert_memory_equal(a->sha256, b->sha256, sizeof a->sha256);
}

static void test_writes_what_it_reads(void **state)
{
	struct fdt_file files[NUM_SCHEMES];
	const struct fdt table = {
		.expires_ntp_s = 0x1ee000000, .complete = true, .num_files = NUM_SCHEMES, .files = files};
	char out[4096], again[4096];
	(void)state;
	fill_files(files);
	for (uint8_t version = 1; version <= 2; version++) {
		struct bytes_writer w;
		struct fdt *back;
		bytes_writer_init(&w, out, sizeof out);
		assert_int_equal(fdt_write(&w, &table, version), 0);
		assert_int_equal(fdt_parse(NULL, NULL, out, w.len, &back), 0);
		assert_true(back->expires_ntp_s == 0xee000000 && back->complete);
		assert_int_equal(back->num_files, NUM_SCHEMES);
		for (uint32_t i = 0; i < NUM_SCHEMES; i++)
			assert_same_file(&files[i], &back->files[i]);
		bytes_writer_init(&w, again, sizeof again);
		assert_int_equal(fdt_write(&w, back, version), 0);
		assert_memory_equal(out, again, w.len);
		fdt_free(back);
		for (size_t cap = 0; cap < w.len; cap += 7) {
			struct bytes_writer small;
			char *exact = malloc(cap ? cap : 1);
			bytes_writer_init(&small, exact, cap);
			assert_int_equal(fdt_write(&small, &table, version), CAROUSEL_E_LIMIT);
			free(exact);
		}
	}
}

static void assert_write_refuses(struct fdt_file file)
{
	const struct fdt table = {.num_files = 1, .files = &file};
	struct bytes_writer w;
	char out[2048];
	bytes_writer_init(&w, out, sizeof out);
	assert_int_equal(fdt_write(&w, &table, 2), CAROUSEL_E_ARGUMENT);
}

static void test_write_refuses_what_is_no_xml(void **state)
{
	static const char *const bad[] = {"a\nb", "\x7f", "\x80", "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
		"\xef\xbf\xbf", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82",
		"\xf0\x9f\x98", ""};
	struct fdt_file files[NUM_SCHEMES];
	const struct fdt table = {.num_files = 0};
	struct bytes_writer w;
	char out[64];
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		fill_files(files);
		files[0].content_location = bad[i];
		assert_write_refuses(files[0]);
	}
	fill_files(files);
	files[0].toi = 0;
	assert_write_refuses(files[0]);
	fill_files(files);
	files[0].content_location = NULL;
	assert_write_refuses(files[0]);
	bytes_writer_init(&w, out, sizeof out);
	assert_int_equal(fdt_write(&w, &table, 3), CAROUSEL_E_ARGUMENT);
}

/* The example of RFC 6726 section 3.3: around the wrap of 7 February 2036. */
static void test_expiry_finds_its_era(void **state)
{
	struct fdt fdt = {.expires_ntp_s = 149504};
	const uint64_t era = (uint64_t)1 << 32;
	(void)state;
	assert_true(fdt_expiry(&fdt, 4294944000u) == era + 149504);
	assert_true(fdt_expiry(&fdt, era + 63104) == era + 149504);
	fdt.expires_ntp_s = 4294944000u;
	assert_true(fdt_expiry(&fdt, era + 10) == 4294944000u);
	assert_true(fdt_expiry(&fdt, 4294944001u) == 4294944000u);
	assert_true(fdt_expiry(&fdt, 0) == 4294944000u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_foreign_table),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_entries_need_toi_and_location),
		cmocka_unit_test(test_entry_errors),
		cmocka_unit_test(test_instance_gives_scheme_info),
		cmocka_unit_test(test_document_types_are_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_depth_cannot_exhaust_the_stack),
		cmocka_unit_test(test_truncations_are_found),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_writes_what_it_reads),
		cmocka_unit_test(test_write_refuses_what_is_no_xml),
		cmocka_unit_test(test_expiry_finds_its_era),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
