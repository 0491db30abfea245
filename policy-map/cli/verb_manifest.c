#include "policy-map/cli/verbs.h"

#include "common/carousel_error.h"
#include "common/io/file.h"
#include "common/units.h"
#include "policy-map/chunk_index.h"
#include "policy-map/cli/document.h"
#include "policy-map/files/copy_map_file.h"
#include "policy-map/map_value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES (1u << 20)
#define PATH_BYTES 4096u

struct create {
	const char *image, *out, *index_out;
	const char *class_name, *label, *layout, *scheme, *title, *notes, *reads, *language, *from, *texts;
	uint64_t version, floor, data_format, minutes, symbol_size, block_symbols;
	bool restart, json;
};

/* Reads the image once: size, digest, index. */
static int scan_image(int fd, uint64_t size, uint8_t digest[HASH_SHA256_BYTES], struct chunk_index_builder *index)
{
	struct hash_stream hash;
	uint8_t *buffer = memory_alloc(NULL, READ_BYTES, 1);
	int result = buffer ? hash_stream_init(&hash) : CAROUSEL_E_MEMORY;
	if (result) {
		memory_free(NULL, buffer);
		return result;
	}
	for (uint64_t at = 0; at < size && result == 0;) {
		size_t len = size - at < READ_BYTES ? (size_t)(size - at) : READ_BYTES;
		result = file_pread(fd, buffer, len, at);
		if (result == 0)
			result = hash_stream_update(&hash, buffer, len);
		if (result == 0)
			result = chunk_index_builder_push(index, buffer, len);
		at += len;
	}
	if (result == 0)
		result = hash_stream_final(&hash, digest);
	hash_stream_deinit(&hash);
	memory_free(NULL, buffer);
	return result;
}

static int choose_layout(const struct cli *cli, const struct create *c, uint64_t size, struct object_layout *layout)
{
	static const struct {
		const char *name;
		struct object_layout_wish wish;
	} schemes[] = {
		{"raptorq", {.encoding_id = FEC_RAPTORQ, .block_symbols = 16384}},
		{"reed-solomon",
			{.encoding_id = FEC_REED_SOLOMON_GF256, .block_symbols = 200, .max_encoding_symbols = 255}},
		{"small-block", {.encoding_id = FEC_SMALL_BLOCK,
					.instance_id = FEC_INSTANCE_ISA_L_CAUCHY,
					.block_symbols = 24,
					.max_encoding_symbols = 32}},
		{"none", {.encoding_id = FEC_COMPACT_NO_CODE, .block_symbols = 16384}},
	};
	struct object_layout_wish wish;
	size_t i = 0;
	int result;
	while (i < sizeof schemes / sizeof *schemes && strcmp(c->scheme, schemes[i].name) != 0)
		i++;
	if (i == sizeof schemes / sizeof *schemes)
		return cli_usage(cli, "--fec: raptorq, reed-solomon, small-block or none, not \"%s\"", c->scheme);
	wish = schemes[i].wish;
	if (object_layout_parse(c->layout, &wish.kind) != 0)
		return cli_usage(cli, "--layout: striped or linear, not \"%s\"", c->layout);
	wish.symbol_size = (uint16_t)c->symbol_size;
	if (c->block_symbols)
		wish.block_symbols = (uint32_t)c->block_symbols;
	result = object_layout_choose(layout, &wish, size);
	return result ? cli_fail(cli, "%s: no layout with these parameters: %s", c->image, carousel_strerror(result))
		      : CLI_OK;
}

static int set_text(const struct cli *cli, char *out, size_t cap, const char *text, const char *option)
{
	if (text && (size_t)snprintf(out, cap, "%s", text) >= cap)
		return cli_usage(cli, "--%s: at most %zu bytes", option, cap - 1);
	return CLI_OK;
}

/* "2,1" */
static int set_reads(const struct cli *cli, struct manifest *m, const char *list)
{
	while (list && *list) {
		char number[12] = "";
		size_t len = strcspn(list, ",");
		uint64_t value;
		if (len < sizeof number)
			memcpy(number, list, len);
		if (m->num_reads_data_formats == MANIFEST_MAX_DATA_FORMATS ||
			map_value_number(number, 1, UINT32_MAX, &value) != 0)
			return cli_usage(
				cli, "--reads-data-formats: at most %u numbers such as 2,1", MANIFEST_MAX_DATA_FORMATS);
		m->reads_data_formats[m->num_reads_data_formats++] = (uint32_t)value;
		list += len + (list[len] == ',');
	}
	return CLI_OK;
}

static struct manifest_text *text_of(struct manifest *m, const char *language)
{
	struct manifest_text *text = m->texts;
	while (text < m->texts + m->num_texts && strcmp(text->language, language) != 0)
		text++;
	if (text == m->texts + MANIFEST_MAX_LANGUAGES || strlen(language) >= sizeof text->language)
		return NULL;
	if (text == m->texts + m->num_texts) {
		m->num_texts++;
		memcpy(text->language, language, strlen(language) + 1);
	}
	return text;
}

/* One of {"title":{LANGUAGE:TEXT,...},"notes":{...}}. */
static int add_texts(const struct cli *cli, const char *path, struct manifest *m, const json_t *texts, bool is_title)
{
	const char *language;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)texts, language, value)
	{
		struct manifest_text *text = text_of(m, language);
		int error = text == NULL ? CAROUSEL_E_LIMIT
			    : is_title   ? json_fields_copy_text(value, false, text->title, sizeof text->title)
					 : json_fields_copy_text(value, true, text->notes, sizeof text->notes);
		if (error)
			return cli_fail(cli, "%s: %s, language %.40s: %s", path, is_title ? "title" : "notes", language,
				carousel_strerror(error));
	}
	return CLI_OK;
}

static int set_texts(const struct cli *cli, const char *path, struct manifest *m)
{
	const char *member;
	json_t *json, *texts;
	char *text;
	size_t len;
	int error, result = document_read(cli, path, MANIFEST_MAX_BYTES, &text, &len);
	if (result != CLI_OK)
		return result;
	error = json_fields_load(text, len, MANIFEST_MAX_BYTES, &json);
	memory_free(NULL, text);
	if (error)
		return cli_fail(cli, "%s: %s", path, carousel_strerror(error));
	json_object_foreach(json, member, texts)
	{
		const bool is_title = strcmp(member, "title") == 0;
		if (result == CLI_OK && (!json_is_object(texts) || (!is_title && strcmp(member, "notes") != 0)))
			result = cli_fail(cli, "%s: \"%.40s\": title and notes are known, by language", path, member);
		if (result == CLI_OK)
			result = add_texts(cli, path, m, texts, is_title);
	}
	if (result == CLI_OK && m->num_texts == 0)
		result = cli_fail(cli, "%s: there are no texts in it", path);
	json_decref(json);
	return result;
}

static int describe(const struct cli *cli, const struct create *c, struct manifest *m)
{
	int result;
	if (c->class_name == NULL)
		return cli_usage(cli, "--class is needed");
	if (!policy_is_name(c->class_name))
		return cli_usage(cli, "--class: %s, not \"%.80s\"", POLICY_NAME_RULE, c->class_name);
	if (c->version == 0)
		return cli_usage(cli, "--version: 1 to 4294967294 is needed");
	m->version = (uint32_t)c->version;
	m->hardware_floor = (uint32_t)c->floor;
	m->data_format = (uint32_t)c->data_format;
	m->minutes = (uint32_t)c->minutes;
	m->restart = c->restart;
	result = set_text(cli, m->class_name, sizeof m->class_name, c->class_name, "class");
	if (result == CLI_OK)
		result = set_text(cli, m->label, sizeof m->label, c->label, "label");
	if (result == CLI_OK)
		result = set_reads(cli, m, c->reads);
	if (result == CLI_OK && (c->title || c->notes)) {
		m->num_texts = 1;
		result = set_text(cli, m->texts[0].language, sizeof m->texts[0].language, c->language, "language");
		if (result == CLI_OK)
			result = set_text(cli, m->texts[0].title, sizeof m->texts[0].title, c->title, "title");
		if (result == CLI_OK)
			result = set_text(cli, m->texts[0].notes, sizeof m->texts[0].notes, c->notes, "notes");
	}
	if (result == CLI_OK && c->texts)
		result = set_texts(cli, c->texts, m);
	return result;
}

static int write_manifest(const struct cli *cli, const struct create *c, const struct manifest *m)
{
	char *payload, sha256[HASH_SHA256_TEXT_BYTES], manifest_sha256[HASH_SHA256_TEXT_BYTES];
	uint8_t digest[HASH_SHA256_BYTES];
	struct manifest back;
	size_t len;
	int result = manifest_print(NULL, m, &payload, &len);
	if (result)
		return cli_fail(cli, "%s: %s", c->out,
			result == CAROUSEL_E_MALFORMED ? "a text is not UTF-8" : carousel_strerror(result));
	result = manifest_parse(&back, (const uint8_t *)payload, len, NULL);
	if (result)
		result = cli_fail(cli, "%s: %s", c->out, carousel_strerror(result));
	else
		result = document_write(cli, c->out, payload, len, 0644);
	if (result == CLI_OK && hash_sha256(payload, len, digest) == 0 && c->json)
		result = cli_print_json(cli,
			json_pack("{s:s,s:o,s:s,s:I,s:s,s:I,s:s,s:o}", "format", "carousel-manifest/1", "file",
				document_json_path(c->out), "class", m->class_name, "version", (json_int_t)m->version,
				"sha256", hash_sha256_text(sha256, m->sha256), "size",
				(json_int_t)m->layout.image_bytes, "manifest",
				hash_sha256_text(manifest_sha256, digest), "index", document_json_path(c->index_out)));
	else if (result == CLI_OK)
		fprintf(strcmp(c->out, "-") == 0 || strcmp(c->index_out, "-") == 0 ? stderr : stdout,
			"image    %s  %u  %s  size=%llu manifest=%s\n", m->class_name, m->version,
			hash_sha256_text(sha256, m->sha256), (unsigned long long)m->layout.image_bytes,
			hash_sha256_text(manifest_sha256, digest));
	memory_free(NULL, payload);
	return result;
}

/* Cuts the version off "PATH:VERSION"; false when there is none. */
static bool cut_version(char *path, uint32_t *version)
{
	char *colon = strrchr(path, ':');
	uint64_t value;
	if (colon == NULL || map_value_number(colon + 1, 1, POLICY_VERSION_MAX, &value) != 0)
		return false;
	*colon = '\0';
	*version = (uint32_t)value;
	return true;
}

/* The version of an image "PATH:VERSION"; without one that of PATH.manifest. Cuts the version off. */
static int version_of(const struct cli *cli, char *path, uint32_t *version)
{
	char beside[PATH_BYTES];
	struct document d;
	struct manifest *m;
	int result;
	if (cut_version(path, version))
		return CLI_OK;
	if (snprintf(beside, sizeof beside, "%s.manifest", path) >= (int)sizeof beside)
		return cli_usage(cli, "the path is too long");
	if (access(beside, F_OK) != 0)
		return cli_usage(cli, "--from: give %s:VERSION, there is no %s", path, beside);
	m = memory_alloc(NULL, 1, sizeof *m);
	result = document_load(cli, beside, &d);
	if (result == CLI_OK && (m == NULL || manifest_parse(m, d.payload, d.payload_len, NULL) != 0))
		result = cli_fail(cli, "%s: this is no manifest", beside);
	if (result == CLI_OK)
		*version = m->version;
	document_deinit(&d);
	memory_free(NULL, m);
	return result;
}

static int add_copy_map(const struct cli *cli, const struct create *c, char *path, const uint8_t *index,
	size_t index_len, struct manifest *m)
{
	struct manifest_copy_map *map = &m->copy_maps[m->num_copy_maps];
	struct copy_map_builder *builder;
	struct copy_map_header h;
	const uint8_t *file;
	size_t len;
	int error, result = version_of(cli, path, &map->from_version);
	if (result != CLI_OK)
		return result;
	if (map->from_version == m->version)
		return cli_usage(cli, "--from: %s is version %u, as the image itself", path, m->version);
	if (manifest_copy_map(m, map->from_version))
		return cli_usage(cli, "--from: %s: there is one from version %u already", path, map->from_version);
	error = copy_map_file_build(index, index_len, m->sha256, path, &builder, &file, &len, &h);
	if (error == 0)
		error = hash_sha256(file, len, map->sha256);
	if (error) {
		copy_map_builder_free(builder);
		return cli_fail(cli, "%s: %s", path, carousel_strerror(error));
	}
	memcpy(map->from_sha256, h.from_sha256, sizeof map->from_sha256);
	fprintf(stderr, "%s: %u of %llu chunks lie in version %u; copy map of %zu bytes%s\n", c->image, h.num_chunks,
		(unsigned long long)chunk_index_chunks(h.image_bytes), map->from_version, len,
		h.num_chunks ? "" : ", left out");
	m->num_copy_maps += h.num_chunks != 0;
	copy_map_builder_free(builder);
	return CLI_OK;
}

/* Takes the first image off a list OLD[:VERSION],... */
static int next_image(const struct cli *cli, const char **list, char path[PATH_BYTES])
{
	const size_t len = strcspn(*list, ",");
	if (len == 0 || len >= PATH_BYTES)
		return cli_usage(cli, "--from: \"%s\" is no list of images", *list);
	memcpy(path, *list, len);
	path[len] = '\0';
	*list += len + ((*list)[len] == ',');
	return CLI_OK;
}

static int add_copy_maps(
	const struct cli *cli, const struct create *c, const uint8_t *index, size_t index_len, struct manifest *m)
{
	for (const char *list = c->from; list && *list;) {
		char path[PATH_BYTES];
		int result = next_image(cli, &list, path);
		if (result == CLI_OK && m->num_copy_maps == MANIFEST_MAX_COPY_MAPS)
			result = cli_usage(cli, "--from: at most %u images", MANIFEST_MAX_COPY_MAPS);
		if (result == CLI_OK)
			result = add_copy_map(cli, c, path, index, index_len, m);
		if (result != CLI_OK)
			return result;
	}
	return CLI_OK;
}

static int create_from(const struct cli *cli, const struct create *c, int fd, uint64_t size, struct manifest *m)
{
	struct chunk_index_builder *index = NULL;
	const uint8_t *file;
	size_t len;
	int result = choose_layout(cli, c, size, &m->layout), error;
	if (result != CLI_OK)
		return result;
	error = chunk_index_builder_new(NULL, size, &index);
	if (error == 0)
		error = scan_image(fd, size, m->sha256, index);
	if (error == 0)
		error = chunk_index_builder_finish(index, &file, &len);
	if (error == 0)
		error = hash_sha256(file, len, m->index_sha256);
	if (error)
		result = cli_fail(cli, "%s: %s", c->image, carousel_strerror(error));
	else
		result = add_copy_maps(cli, c, file, len, m);
	if (result == CLI_OK)
		result = document_write(cli, c->index_out, file, len, 0644);
	m->index_chunk_bytes = CHUNK_INDEX_CHUNK_BYTES;
	m->index_bytes = chunk_index_bytes(size);
	chunk_index_builder_free(index);
	return result == CLI_OK ? write_manifest(cli, c, m) : result;
}

static int check_from(const struct cli *cli, const struct create *c)
{
	for (const char *list = c->from; list && *list;) {
		char path[PATH_BYTES], beside[PATH_BYTES + 16];
		const struct document_other from[] = {{"--from", path, false}, {"--from", beside, false}};
		uint32_t version;
		int result = next_image(cli, &list, path);
		if (result != CLI_OK)
			return result;
		(void)cut_version(path, &version);
		snprintf(beside, sizeof beside, "%s.manifest", path);
		result = document_check_out(cli, c->out, from, 2);
		if (result == CLI_OK)
			result = document_check_out(cli, c->index_out, from, 2);
		if (result != CLI_OK)
			return result;
	}
	return CLI_OK;
}

/* The two outputs, each against every file that is read, and against each other. */
static int check_outs(const struct cli *cli, const struct create *c)
{
	const struct document_other others[] = {
		{"IMAGE", c->image, false}, {"--texts", c->texts, false}, {"--index-out", c->index_out, false}};
	const struct document_other manifest = {"--out", c->out, false};
	int result = document_check_stdout(cli, c->json, c->out, "the manifest");
	if (result == CLI_OK)
		result = document_check_stdout(cli, c->json || strcmp(c->out, "-") == 0, c->index_out, "the index");
	if (result == CLI_OK)
		result = document_check_out(cli, c->out, others, 3);
	if (result == CLI_OK)
		result = document_check_out(cli, c->index_out, others, 2);
	if (result == CLI_OK)
		result = document_check_out(cli, c->index_out, &manifest, 1);
	return result == CLI_OK ? check_from(cli, c) : result;
}

static int create(const struct cli *cli, struct create *c)
{
	char out[PATH_BYTES], index_out[PATH_BYTES];
	struct manifest m = {0};
	uint64_t size = 0;
	int fd, error, result = describe(cli, c, &m);
	if (result != CLI_OK)
		return result;
	if (snprintf(out, sizeof out, "%s.manifest", c->image) >= (int)sizeof out ||
		snprintf(index_out, sizeof index_out, "%s.index", c->image) >= (int)sizeof index_out)
		return cli_usage(cli, "the path is too long");
	c->out = c->out ? c->out : out;
	c->index_out = c->index_out ? c->index_out : index_out;
	result = check_outs(cli, c);
	if (result != CLI_OK)
		return result;
	fd = open(c->image, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	error = fd < 0 ? file_error(errno) : file_size(fd, &size);
	if (error == 0 && (size == 0 || size > MANIFEST_MAX_IMAGE_BYTES))
		error = CAROUSEL_E_RANGE;
	if (error)
		result = cli_fail(cli, "%s: %s", c->image, carousel_strerror(error));
	else
		result = create_from(cli, c, fd, size, &m);
	if (fd >= 0)
		close(fd);
	return result;
}

static int manifest_verb_create(const struct cli *cli, int argc, char **argv)
{
	struct create c = {.layout = "striped", .scheme = "raptorq", .language = "en", .symbol_size = 1024};
	const struct cli_option options[] = {
		{"class", CLI_STRING, &c.class_name, 0, 0, "CLASS", "hardware class (needed)"},
		{"version", CLI_U64, &c.version, 1, POLICY_VERSION_MAX, "N", "version (needed)"},
		{"label", CLI_STRING, &c.label, 0, 0, "TEXT", "shown beside the number, such as 3.2.1"},
		{"out", CLI_STRING, &c.out, 0, 0, "FILE", "manifest to write (default IMAGE.manifest)"},
		{"index-out", CLI_STRING, &c.index_out, 0, 0, "FILE", "index to write (default IMAGE.index)"},
		{"from", CLI_STRING, &c.from, 0, 0, "OLD[:N],...",
			"older images, with their versions: copy maps, for boxes that run them"},
		{"hardware-floor", CLI_U64, &c.floor, 0, POLICY_VERSION_MAX, "N",
			"lowest version that this hardware runs"},
		{"data-format", CLI_U64, &c.data_format, 0, UINT32_MAX, "N", "format of the data this version writes"},
		{"reads-data-formats", CLI_STRING, &c.reads, 0, 0, "N,...", "other formats it can read"},
		{"title", CLI_STRING, &c.title, 0, 0, "TEXT", "one line for the user"},
		{"notes", CLI_STRING, &c.notes, 0, 0, "TEXT", "more for the user"},
		{"language", CLI_STRING, &c.language, 0, 0, "TAG", "of title and notes (default en)"},
		{"texts", CLI_STRING, &c.texts, 0, 0, "FILE",
			"title and notes in several languages: {\"title\":{\"de\":\"...\"},\"notes\":{...}}"},
		{"minutes", CLI_U64, &c.minutes, 0, 10000, "N", "how long installing takes"},
		{"restart", CLI_FLAG, &c.restart, 0, 0, NULL, "installing ends with a restart"},
		{"layout", CLI_STRING, &c.layout, 0, 0, "LAYOUT", "striped (default) or linear"},
		{"fec", CLI_STRING, &c.scheme, 0, 0, "SCHEME", "raptorq (default), reed-solomon, small-block, none"},
		{"symbol-size", CLI_U64, &c.symbol_size, 4, FEC_MAX_SYMBOL_SIZE, "BYTES",
			"encoding symbol (default 1024)"},
		{"block-symbols", CLI_U64, &c.block_symbols, 1, FEC_RAPTORQ_MAX_K, "K", "source symbols of a block"},
		{"json", CLI_FLAG, &c.json, 0, 0, NULL, "print JSON instead of the map's image line"},
	};
	int result = cli_options(cli, options, sizeof options / sizeof *options, &argc, argv, 1, 1);
	if (result)
		return result == CLI_HELP ? CLI_OK : result;
	c.image = argv[1];
	return create(cli, &c);
}

int verb_manifest(const struct cli *cli, int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"create", "IMAGE --class CLASS --version N [--label TEXT] [--from OLD[:N],...] ...",
			"describe an image, and make its index", manifest_verb_create},
		{"sign", "--key KEY IN OUT", "sign a manifest: `sign` for the role image", manifest_verb_sign},
		{"show", "FILE", "show a manifest, signed or not", verb_show},
	};
	const struct cli_program program = {
		"policy-map manifest", "descriptions of images", verbs, sizeof verbs / sizeof *verbs};
	(void)cli;
	return cli_main(&program, argc, argv);
}
