/* forger: sends what no headend would, for tests of attacks. Everything it says is well-formed FLUTE; nothing is
 * checked.
 *
 *     forger objects ... ROLE=FILE...   an FDT that names the files as objects, and their symbols, again and again
 *     forger endless ...                symbols of one object that never ends
 *     forger heartbeat ... FILE         a heartbeat packet
 *
 * Compact No-Code throughout; whose signatures the files carry is the caller's affair. */
#include "common/alc.h"
#include "common/carousel_error.h"
#include "common/fdt.h"
#include "common/io/cli.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_FILES     64u
#define MAX_FILE      (1u << 20)
#define MAX_FDT       65536u
#define SYMBOL_BYTES  1024u
#define BLOCK_SYMBOLS 4096u
#define PACKET_NS     500000u /* between two packets */

struct forger {
	struct udp_sender sender;
	uint32_t tsi, cci;
	const char *group, *interface;
	uint64_t wide_tsi;
};

#define COMMON_OPTIONS(f)                                                                                              \
	{"group", CLI_STRING, &(f)->group, 0, 0, "ADDR", "group and port"},                                            \
		{"interface", CLI_STRING, &(f)->interface, 0, 0, "NAME", "to send from"},                              \
	{                                                                                                              \
		"tsi", CLI_U64, &(f)->wide_tsi, 1, UINT32_MAX, "N", "of the session"                                   \
	}
#define NUM_COMMON 3u

static int forger_open(const struct cli *cli, struct forger *f)
{
	struct udp_sender_config config = {.interface = f->interface, .ttl = 1};
	int result;
	if (f->group == NULL || udp_address_parse(f->group, &config.destination))
		return cli_usage(cli, "--group is no address");
	f->tsi = (uint32_t)f->wide_tsi;
	result = udp_sender_open(&f->sender, &config);
	return result ? cli_fail(cli, "%s: %s", f->group, carousel_strerror(result)) : CLI_OK;
}

/* One packet with its EXT_FTI; paced. */
static void forger_send(struct forger *f, struct alc_packet *p, const uint8_t *payload, size_t len)
{
	uint8_t packet[ALC_MAX_HEADER_BYTES + MAX_FILE / 16];
	const struct timespec pause = {.tv_nsec = PACKET_NS};
	struct iovec io = {.iov_base = packet};
	struct bytes_writer w;
	size_t sent;
	bytes_writer_init(&w, packet, sizeof packet);
	p->lct.version = LCT_VERSION;
	p->lct.has_tsi = p->lct.has_toi = p->has_payload_id = p->has_fti = true;
	p->lct.tsi = f->tsi;
	p->lct.cci = f->cci++;
	p->lct.codepoint = p->oti.encoding_id;
	if (alc_write_header(&w, p))
		return;
	bytes_write(&w, payload, len);
	io.iov_len = w.len;
	if (w.error == 0)
		udp_send(&f->sender, &io, 1, &sent);
	nanosleep(&pause, NULL);
}

static struct fec_oti forger_oti(uint64_t bytes, uint16_t symbol_size)
{
	struct fec_oti oti = {.encoding_id = FEC_COMPACT_NO_CODE,
		.transfer_length = bytes,
		.symbol_size = symbol_size,
		.max_block_symbols = BLOCK_SYMBOLS};
	fec_oti_check(&oti, NULL);
	return oti;
}

static void forger_send_object(struct forger *f, struct alc_packet *p, const char *bytes, size_t len)
{
	for (size_t off = 0; off < len; off += SYMBOL_BYTES) {
		p->id.sbn = 0;
		p->id.esi = (uint32_t)(off / SYMBOL_BYTES);
		forger_send(f, p, (const uint8_t *)bytes + off, len - off < SYMBOL_BYTES ? len - off : SYMBOL_BYTES);
	}
}

/* ---- objects -------------------------------------------------------------------------------------------- */

struct forged_files {
	unsigned count;
	char *text[MAX_FILES];
	struct fdt_file entry[MAX_FILES];
};

static int read_files(const struct cli *cli, struct forged_files *files, int argc, char **argv, uint64_t first_toi,
	uint64_t claim, const char *class_name)
{
	for (int i = 1; i < argc && files->count < MAX_FILES; i++) {
		struct fdt_file *e = &files->entry[files->count];
		char *path = strchr(argv[i], '=');
		size_t len;
		int result;
		if (path == NULL)
			return cli_usage(cli, "%s: no ROLE=FILE", argv[i]);
		*path++ = '\0';
		result = file_read(path, MAX_FILE, NULL, &files->text[files->count], &len);
		if (result)
			return cli_fail(cli, "%s: %s", path, carousel_strerror(result));
		*e = (struct fdt_file){.toi = first_toi + files->count,
			.content_location = path,
			.has_content_length = true,
			.has_transfer_length = true,
			.has_oti = true,
			.content_length = len,
			.transfer_length = claim ? claim : len,
			.oti = forger_oti(claim ? claim : len, SYMBOL_BYTES)};
		snprintf(e->role, sizeof e->role, "%s", argv[i]);
		snprintf(e->class_name, sizeof e->class_name, "%s", class_name);
		files->count++;
	}
	return CLI_OK;
}

static void send_files(struct forger *f, struct forged_files *files, uint32_t instance)
{
	static uint8_t xml[MAX_FDT];
	const struct fdt fdt = {
		.expires_ntp_s = UINT32_MAX, .num_files = files->count, .files = files->entry, .complete = true};
	struct alc_packet table = {.has_fdt = true, .flute_version = 2, .fdt_instance_id = instance};
	struct bytes_writer w;
	bytes_writer_init(&w, xml, sizeof xml);
	if (fdt_write(&w, &fdt, 2))
		return;
	table.oti = forger_oti(w.len, SYMBOL_BYTES);
	forger_send_object(f, &table, (const char *)xml, w.len);
	for (unsigned i = 0; i < files->count; i++) {
		struct alc_packet p = {.oti = files->entry[i].oti};
		p.lct.toi = files->entry[i].toi;
		forger_send_object(f, &p, files->text[i], (size_t)files->entry[i].content_length);
	}
}

static int run_objects(const struct cli *cli, int argc, char **argv)
{
	static struct forged_files files;
	struct forger f = {.wide_tsi = 1};
	uint64_t first_toi = 1, instance = 1, rounds = 5, pause_ns = 200000000, claim = 0;
	const char *class_name = "";
	const struct cli_option options[] = {
		COMMON_OPTIONS(&f),
		{"first-toi", CLI_U64, &first_toi, 1, UINT32_MAX, "N", "of the first file"},
		{"instance", CLI_U64, &instance, 0, ALC_MAX_FDT_INSTANCE_ID, "N", "of the FDT"},
		{"rounds", CLI_U64, &rounds, 1, 1000000, "N", "how often all is sent"},
		{"pause", CLI_DURATION, &pause_ns, 0, 0, "TIME", "between two rounds"},
		{"claim", CLI_U64, &claim, 1, UINT64_MAX, "BYTES", "that each object says it is long"},
		{"class", CLI_STRING, &class_name, 0, 0, "CLASS", "of the objects"},
	};
	int result = cli_options(cli, options, NUM_COMMON + 6, &argc, argv, 1, MAX_FILES);
	if (result != CLI_OK)
		return result == CLI_HELP ? CLI_OK : result;
	result = read_files(cli, &files, argc, argv, first_toi, claim, class_name);
	if (result == CLI_OK)
		result = forger_open(cli, &f);
	for (uint64_t i = 0; result == CLI_OK && i < rounds; i++) {
		const struct timespec pause = {
			.tv_sec = (time_t)(pause_ns / 1000000000u), .tv_nsec = (long)(pause_ns % 1000000000u)};
		send_files(&f, &files, (uint32_t)instance);
		nanosleep(&pause, NULL);
	}
	for (unsigned i = 0; i < files.count; i++)
		free(files.text[i]);
	return result;
}

/* ---- endless -------------------------------------------------------------------------------------------- */

/* Symbol after symbol of a TOI, each with the EXT_FTI of an object of `claim` bytes, and never the first of it. */
static int run_endless(const struct cli *cli, int argc, char **argv)
{
	static uint8_t noise[SYMBOL_BYTES];
	struct forger f = {.wide_tsi = 1};
	uint64_t toi = 1, claim = 1024, time_ns = 1000000000, end_ns, instance = 0;
	bool is_fdt = false;
	const struct cli_option options[] = {
		COMMON_OPTIONS(&f),
		{"toi", CLI_U64, &toi, 0, UINT32_MAX, "N", "of the object"},
		{"fdt", CLI_FLAG, &is_fdt, 0, 0, NULL, "it is an FDT, each packet another instance"},
		{"claim", CLI_U64, &claim, 1, UINT64_MAX, "BYTES", "that it says it is long"},
		{"time", CLI_DURATION, &time_ns, 0, 0, "TIME", "how long to go on"},
	};
	int result = cli_options(cli, options, NUM_COMMON + 4, &argc, argv, 0, 0);
	if (result != CLI_OK)
		return result == CLI_HELP ? CLI_OK : result;
	result = forger_open(cli, &f);
	end_ns = clock_monotonic_ns() + time_ns;
	for (uint32_t esi = 1; result == CLI_OK && clock_monotonic_ns() < end_ns; esi++) {
		struct alc_packet p = {.has_fdt = is_fdt, .flute_version = 2, .oti = forger_oti(claim, SYMBOL_BYTES)};
		p.fdt_instance_id = (uint32_t)(instance++ & ALC_MAX_FDT_INSTANCE_ID);
		p.lct.toi = is_fdt ? 0 : toi;
		p.id.esi = esi % BLOCK_SYMBOLS;
		p.id.sbn = esi / BLOCK_SYMBOLS;
		memset(noise, (int)(esi & 0xff), sizeof noise);
		forger_send(&f, &p, noise, sizeof noise);
	}
	return result;
}

/* ---- heartbeat ------------------------------------------------------------------------------------------ */

static int run_heartbeat(const struct cli *cli, int argc, char **argv)
{
	struct forger f = {.wide_tsi = 1};
	struct alc_packet p = {0};
	uint64_t sequence = 1, rounds = 1;
	const struct cli_option options[] = {
		COMMON_OPTIONS(&f),
		{"sequence", CLI_U64, &sequence, 1, UINT64_MAX, "N", "of the packet: its TOI"},
		{"rounds", CLI_U64, &rounds, 1, 1000, "N", "how often it is sent, 0.2 s apart"},
	};
	const struct timespec pause = {.tv_nsec = 200000000};
	char *text;
	size_t len;
	int result = cli_options(cli, options, NUM_COMMON + 2, &argc, argv, 1, 1);
	if (result != CLI_OK)
		return result == CLI_HELP ? CLI_OK : result;
	result = file_read(argv[1], 1400, NULL, &text, &len);
	if (result)
		return cli_fail(cli, "%s: %s", argv[1], carousel_strerror(result));
	while (len && text[len - 1] == '\n')
		len--;
	result = forger_open(cli, &f);
	f.tsi++;
	p.lct.toi = sequence;
	p.oti = forger_oti(len, (uint16_t)(len ? len : 1));
	for (uint64_t i = 0; result == CLI_OK && i < rounds; i++) {
		forger_send(&f, &p, (const uint8_t *)text, len);
		nanosleep(&pause, NULL);
	}
	free(text);
	return result;
}

int main(int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"objects", "--group ADDR [OPTIONS] ROLE=FILE...", "an FDT and the objects it names", run_objects},
		{"endless", "--group ADDR [OPTIONS]", "symbols of an object that never ends", run_endless},
		{"heartbeat", "--group ADDR [OPTIONS] FILE", "a heartbeat packet", run_heartbeat},
	};
	static const struct cli_program program = {"forger", "what no headend would send", verbs, 3};
	return cli_main(&program, argc, argv);
}
