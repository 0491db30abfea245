#include "fec/small_block/fragments.h"

#include "common/carousel_error.h"
#include "common/fec_oti.h"
#include "common/memory.h"

#include <errno.h>
#include <liberasurecode/erasurecode.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* The built-in backend keeps its field's tables in globals that each new instance fills again and each destroyed one
 * frees, for all. One instance at a time, then. */
static pthread_mutex_t built_in_lock = PTHREAD_MUTEX_INITIALIZER;
/* Backends are loaded and unloaded one after the other. Taken after built_in_lock. */
static pthread_mutex_t loader_lock = PTHREAD_MUTEX_INITIALIZER;

static ec_backend_id_t backend_of(uint16_t instance_id)
{
	return instance_id == FEC_INSTANCE_ISA_L_CAUCHY ? EC_BACKEND_ISA_L_RS_CAUCHY
							: EC_BACKEND_LIBERASURECODE_RS_VAND;
}

int fragments_is_available(uint16_t instance_id)
{
	/* Asking loads and unloads the backend; the answer holds for the life of the process. */
	static atomic_int answers[FEC_INSTANCE_ISA_L_CAUCHY + 1]; /* 0: not asked yet, 1: no, 2: yes */
	int answer;
	if (instance_id != FEC_INSTANCE_RS_VAND && instance_id != FEC_INSTANCE_ISA_L_CAUCHY)
		return 0;
	answer = atomic_load(&answers[instance_id]);
	if (answer == 0) {
		answer = liberasurecode_backend_available(backend_of(instance_id)) == 1 ? 2 : 1;
		atomic_store(&answers[instance_id], answer);
	}
	return answer == 2;
}

/* The built-in works in GF(2^16), ISA-L in GF(2^8). */
size_t fragments_word(uint16_t instance_id)
{
	return instance_id == FEC_INSTANCE_RS_VAND ? 2 : 1;
}

int fragments_open(struct fragments_code *code, uint16_t instance_id, uint32_t k, uint32_t m)
{
	struct ec_args args = {.k = (int)k, .m = (int)m, .hd = (int)m, .ct = CHKSUM_NONE};
	args.w = (int)fragments_word(instance_id) * 8;
	int result;
	code->instance_id = instance_id;
	code->k = k;
	code->m = m;
	if (instance_id == FEC_INSTANCE_RS_VAND)
		pthread_mutex_lock(&built_in_lock);
	pthread_mutex_lock(&loader_lock);
	code->descriptor = liberasurecode_instance_create(backend_of(instance_id), &args);
	pthread_mutex_unlock(&loader_lock);
	if (code->descriptor > 0)
		return 0;
	result = code->descriptor == -ENOMEM ? CAROUSEL_E_MEMORY : CAROUSEL_E_UNSUPPORTED;
	if (instance_id == FEC_INSTANCE_RS_VAND)
		pthread_mutex_unlock(&built_in_lock);
	return result;
}

void fragments_close(struct fragments_code *code)
{
	pthread_mutex_lock(&loader_lock);
	liberasurecode_instance_destroy(code->descriptor);
	pthread_mutex_unlock(&loader_lock);
	if (code->instance_id == FEC_INSTANCE_RS_VAND)
		pthread_mutex_unlock(&built_in_lock);
}

static int fragments_error(int status)
{
	return status == -ENOMEM ? CAROUSEL_E_MEMORY : CAROUSEL_E_INTERNAL;
}

static int stripe_encode(
	struct fragments_stripe *s, const struct fragments_code *code, const uint8_t *source, size_t len)
{
	int status;
	s->code = code;
	s->len = len;
	s->header = sizeof(fragment_header_t);
	status = liberasurecode_encode(code->descriptor, (const char *)source, (uint64_t)code->k * len, &s->data,
		&s->parity, &s->fragment_bytes);
	if (status)
		return fragments_error(status);
	if (s->fragment_bytes != s->header + len) {
		fragments_stripe_close(s);
		return CAROUSEL_E_INTERNAL;
	}
	return 0;
}

int fragments_encode(const struct fragments_code *code, const uint8_t *source, size_t len, uint8_t *out)
{
	struct fragments_stripe s;
	int result = stripe_encode(&s, code, source, len);
	if (result)
		return result;
	for (uint32_t i = 0; i < code->m; i++)
		memcpy(out + i * len, s.parity[i] + s.header, len);
	fragments_stripe_close(&s);
	return 0;
}

int fragments_stripe_open(struct fragments_stripe *s, const struct fragments_code *code, size_t len)
{
	uint8_t *zeros = memory_alloc(NULL, code->k, len);
	int result;
	if (zeros == NULL)
		return CAROUSEL_E_MEMORY;
	result = stripe_encode(s, code, zeros, len);
	memory_free(NULL, zeros);
	return result;
}

void fragments_stripe_close(struct fragments_stripe *s)
{
	liberasurecode_encode_cleanup(s->code->descriptor, s->data, s->parity);
}

static char *stripe_fragment(const struct fragments_stripe *s, uint32_t esi)
{
	return esi < s->code->k ? s->data[esi] : s->parity[esi - s->code->k];
}

uint8_t *fragments_stripe_symbol(const struct fragments_stripe *s, uint32_t esi)
{
	return (uint8_t *)stripe_fragment(s, esi) + s->header;
}

int fragments_stripe_decode(const struct fragments_stripe *s, const uint32_t *esis, uint8_t **source)
{
	char *available[FEC_SMALL_BLOCK_MAX_N], *out = NULL;
	uint64_t out_len = 0;
	int status;
	*source = NULL;
	for (uint32_t i = 0; i < s->code->k; i++)
		available[i] = stripe_fragment(s, esis[i]);
	status = liberasurecode_decode(
		s->code->descriptor, available, (int)s->code->k, s->fragment_bytes, 0, &out, &out_len);
	if (status)
		return fragments_error(status);
	*source = (uint8_t *)out;
	if (out_len == (uint64_t)s->code->k * s->len)
		return 0;
	fragments_stripe_release(s, *source);
	*source = NULL;
	return CAROUSEL_E_INTERNAL;
}

void fragments_stripe_release(const struct fragments_stripe *s, uint8_t *source)
{
	liberasurecode_decode_cleanup(s->code->descriptor, (char *)source);
}
