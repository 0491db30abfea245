/* Any XML: a table or an error; a table of usable entries can be written and read again. */
#include "tests/fuzz/fuzz.h"

#include "common/fdt.h"

#include <string.h>

static void write_and_read(const struct fdt *fdt, uint8_t version)
{
	static char out[1 << 20];
	struct bytes_writer w;
	struct fdt *back;
	bytes_writer_init(&w, out, sizeof out);
	if (fdt_write(&w, fdt, version) != 0)
		return;
	FUZZ_ASSERT(fdt_parse(NULL, NULL, out, w.len, &back) == 0);
	FUZZ_ASSERT(back->num_files == fdt->num_files);
	for (uint32_t i = 0; i < fdt->num_files; i++) {
		FUZZ_ASSERT(back->files[i].toi == fdt->files[i].toi);
		FUZZ_ASSERT(strcmp(back->files[i].content_location, fdt->files[i].content_location) == 0);
		FUZZ_ASSERT(back->files[i].has_oti == fdt->files[i].has_oti);
	}
	fdt_free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct fdt_limits limits = {.max_files = 64};
	struct fdt *fdt;
	if (fdt_parse(NULL, &limits, data, len, &fdt) != 0) {
		FUZZ_ASSERT(fdt == NULL);
		return 0;
	}
	for (uint32_t i = 0; i < fdt->num_files; i++) {
		FUZZ_ASSERT(fdt->files[i].toi != 0 && fdt->files[i].content_location[0] != 0);
		FUZZ_ASSERT(!fdt->files[i].has_oti || fdt->files[i].oti.symbol_size != 0);
		if (fdt->files[i].error)
			fdt->files[i].has_oti = false;
	}
	write_and_read(fdt, 1);
	write_and_read(fdt, 2);
	fdt_free(fdt);
	return 0;
}
