/* A plain main for the fuzzers: replays each file named on the command line. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		uint8_t *data = malloc(1 << 20), *exact;
		size_t len;
		if (file == NULL || data == NULL) {
			perror(argv[i]);
			return 1;
		}
		len = fread(data, 1, 1 << 20, file);
		fclose(file);
		exact = malloc(len ? len : 1); /* so that a sanitizer sees one byte too many */
		if (exact == NULL)
			return 1;
		for (size_t j = 0; j < len; j++)
			exact[j] = data[j];
		LLVMFuzzerTestOneInput(exact, len);
		free(exact);
		free(data);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
