/* Small jobs, one at a time: documents decoded and verified; state, documents and events written; the boot loader told.
 */
#include "carousel-rx/receiver.h"

#include "common/carousel_error.h"
#include "common/gzip.h"

#define DESK_RETRY_NS   5000000000u
#define DESK_LOOKS      64u /* places of the slot that are looked at */
#define DESK_LOOK_BYTES 4096u
#define DESK_GATE_S     900u /* gate time is saved at least when it has moved so far */

/* ---- documents ------------------------------------------------------------------------------------- */

static int desk_read_document(struct desk_job *j, const char *text, size_t len)
{
	const struct fdt_limits limits = {.max_files = OBJECT_TABLE_MAX};
	if (j->document.role == OBJECT_ROLE_FDT)
		return fdt_parse(&j->rx->budget.allocator, &limits, text, len, &j->fdt);
	return documents_check(&j->rx->documents, j->document.role, text, len, &j->outcome);
}

static void desk_run_document(struct carousel_job *job)
{
	struct desk_job *j = (struct desk_job *)job;
	const struct carousel_allocator *a = &j->rx->budget.allocator;
	const struct gzip_limits limits = {.max_bytes = j->rx->document_bytes};
	uint8_t *object = NULL, *plain = NULL;
	size_t len = 0;
	int result = collector_decode(j->document.collector, &object);
	if (result == 0)
		result = gzip_decode(a, j->document.content_encoding, &limits, object,
			(size_t)collector_oti(j->document.collector)->transfer_length, &plain, &len);
	memory_free(a, object);
	if (result == 0)
		result = desk_read_document(j, (const char *)plain, len);
	memory_free(a, plain);
	job->result = result;
}

static int desk_document_done(struct carousel_job *job, uint64_t now_ns)
{
	struct desk_job *j = (struct desk_job *)job;
	struct carousel_rx *rx = j->rx;
	enum object_role role = j->document.role;
	bool changed = false, is_proof = role != OBJECT_ROLE_FDT;
	int result = job->result;
	j->is_under_way = false;
	if (result == 0 && role == OBJECT_ROLE_FDT)
		reception_take_fdt(rx->reception, &j->document, j->fdt, now_ns);
	else if (result == 0)
		result = documents_take(&rx->documents, &j->outcome, &changed);
	reception_document_done(rx->reception, &j->document, result, is_proof, now_ns);
	fdt_free(j->fdt);
	j->fdt = NULL;
	if (is_proof && job->result == 0)
		document_outcome_deinit(&rx->documents, &j->outcome);
	if (result && result != CAROUSEL_E_NEED_MORE)
		agent_refused(rx, role, result);
	if (changed)
		agent_documents_changed(rx, role);
	return 0;
}

/* ---- files and boot loader ------------------------------------------------------------------------- */

static int desk_call_boot(const struct desk_job *j)
{
	const struct carousel_boot *b = j->rx->config.boot;
	switch (j->boot) {
	case BOOT_MARK_BAD:
		return b->mark_bad(b->user, j->boot_slot);
	case BOOT_TRY:
		return b->try_slot(b->user, j->boot_slot, j->rx->config.boot_tries);
	default:
		return b->confirm(b->user, j->boot_slot);
	}
}

/* In an order that a power cut may break off anywhere: what the state speaks of is held, and what the boot loader does
 * is in the state. */
static void desk_run_files(struct carousel_job *job)
{
	struct desk_job *j = (struct desk_job *)job;
	const struct carousel_rx_storage *s = j->rx->config.storage;
	int result = 0;
	if (j->documents) {
		result = s->replace(s->user, RX_DOCUMENTS, j->documents, j->documents_len);
		j->are_documents_written = result == 0;
	}
	if (result == 0 && j->state) {
		result = s->replace(s->user, RX_STATE, j->state, j->state_len);
		j->is_state_written = result == 0;
	}
	j->boot_result = result;
	if (result == 0 && j->boot != BOOT_NOTHING)
		j->boot_result = desk_call_boot(j);
	if (j->lines) {
		int written = event_log_write(s, &j->rx->budget.allocator, j->lines, j->lines_len);
		j->are_lines_written = written == 0;
		if (result == 0)
			result = written;
	}
	job->result = result;
}

static void desk_drop_texts(struct desk_job *j)
{
	const struct carousel_allocator *a = &j->rx->budget.allocator;
	memory_free(a, j->state);
	memory_free(a, j->documents);
	memory_free(a, j->lines);
	j->state = j->documents = j->lines = NULL;
}

static int desk_files_done(struct carousel_job *job, uint64_t now_ns)
{
	struct desk_job *j = (struct desk_job *)job;
	struct carousel_rx *rx = j->rx;
	struct rx_desk *d = &rx->desk;
	enum boot_call boot = j->boot;
	j->is_under_way = false;
	j->boot = BOOT_NOTHING;
	if (j->documents && !j->are_documents_written)
		d->are_documents_dirty = true;
	if (j->state && !j->is_state_written)
		d->is_state_dirty = true;
	if (j->lines && !j->are_lines_written)
		event_log_put_back(&rx->events, j->lines, j->lines_len);
	desk_drop_texts(j);
	if (job->result) {
		d->retry_ns = now_ns + DESK_RETRY_NS;
		if (d->error != job->result) {
			log_write(&rx->log, CAROUSEL_LOG_ERROR, "state cannot be kept: %s",
				carousel_strerror(job->result));
			report_event(rx, CAROUSEL_RX_EVENT_ALARM, job->result, "state");
		}
	}
	d->error = job->result;
	if (boot != BOOT_NOTHING)
		agent_slot_boot_done(rx, boot, j->boot_result);
	return 0;
}

static bool desk_has_files(const struct carousel_rx *rx)
{
	const struct rx_desk *d = &rx->desk;
	return d->is_state_dirty || d->are_documents_dirty || d->boot != BOOT_NOTHING || rx->events.len ||
	       rx->documents.gate_time_s > d->gate_saved_s + DESK_GATE_S;
}

/* What there is no memory for waits. */
static bool desk_take_files(struct carousel_rx *rx)
{
	struct rx_desk *d = &rx->desk;
	struct desk_job *j = &d->job;
	const struct carousel_allocator *a = &rx->budget.allocator;
	j->is_state_written = j->are_documents_written = j->are_lines_written = false;
	if (d->are_documents_dirty && documents_save(&rx->documents, &j->documents, &j->documents_len))
		goto none;
	rx->memo.gate_time_s = rx->documents.gate_time_s;
	if (memo_encode(&rx->memo, a, &j->state, &j->state_len))
		goto none;
	if (event_log_take(&rx->events, &j->lines, &j->lines_len))
		goto none;
	d->are_documents_dirty = d->is_state_dirty = false;
	d->gate_saved_s = rx->documents.gate_time_s;
	j->boot = d->boot;
	j->boot_slot = d->boot_slot;
	d->boot = BOOT_NOTHING;
	return true;
none:
	desk_drop_texts(j);
	d->retry_ns = rx->now_ns + DESK_RETRY_NS;
	return false;
}

/* ---- one at a time ---------------------------------------------------------------------------------- */

static int desk_index_done(struct carousel_job *job, uint64_t now_ns)
{
	struct desk_job *j = (struct desk_job *)job;
	struct carousel_rx *rx = j->rx;
	struct carousel_job *index = j->index;
	int result;
	j->is_under_way = rx->is_index_under_way = false;
	j->index = NULL;
	result = index->done(index, now_ns);
	if (result)
		log_write(&rx->log, CAROUSEL_LOG_ERROR, "chunk index: %s", carousel_strerror(result));
	rx->must_evaluate = true;
	return 0;
}

static void desk_run_index(struct carousel_job *job)
{
	struct desk_job *j = (struct desk_job *)job;
	j->index->run(j->index);
}

/* Chunks of nothing but zeros, or of nothing but ones as erased flash has, from end to end of what the image would
 * take. An image that looks like this is merely received once more than it need be. */
static void desk_run_look(struct carousel_job *job)
{
	const struct desk_job *j = (struct desk_job *)job;
	const struct carousel_rx_storage *s = j->rx->config.storage;
	uint64_t bytes = j->look_bytes;
	uint8_t chunk[DESK_LOOK_BYTES];
	for (uint64_t i = 0; i < DESK_LOOKS; i++) {
		uint64_t off = bytes / DESK_LOOKS * i;
		size_t len = bytes - off < sizeof(chunk) ? (size_t)(bytes - off) : sizeof(chunk);
		job->result = s->read(s->user, RX_SLOT_TARGET, off, chunk, len);
		for (size_t k = 0; job->result == 0 && k < len; k++)
			if (chunk[k] != chunk[0] || (chunk[0] != 0 && chunk[0] != 0xff))
				job->result = CAROUSEL_E_EXISTS;
		if (job->result)
			return;
	}
}

static int desk_look_done(struct carousel_job *job, uint64_t now_ns)
{
	struct desk_job *j = (struct desk_job *)job;
	(void)now_ns;
	j->is_under_way = false;
	agent_slot_looked(j->rx, job->result);
	return 0;
}

static struct carousel_job *desk_start(
	struct desk_job *j, void (*run)(struct carousel_job *), int (*done)(struct carousel_job *, uint64_t))
{
	j->job = (struct carousel_job){.run = run, .done = done};
	j->is_under_way = true;
	return &j->job;
}

struct carousel_job *desk_next_job(struct carousel_rx *rx)
{
	struct desk_job *j = &rx->desk.job;
	if (j->is_under_way)
		return NULL;
	j->rx = rx;
	if (desk_has_files(rx) && rx->now_ns >= rx->desk.retry_ns && desk_take_files(rx))
		return desk_start(j, desk_run_files, desk_files_done);
	j->look_bytes = rx->slot.image.layout.image_bytes;
	if (rx->slot.step == SLOT_LOOKING)
		return desk_start(j, desk_run_look, desk_look_done);
	if (reception_next_document(rx->reception, &j->document))
		return desk_start(j, desk_run_document, desk_document_done);
	j->index = rx->index ? index_collector_next_job(rx->index, rx->now_ns) : NULL;
	if (j->index) {
		rx->is_index_under_way = true;
		return desk_start(j, desk_run_index, desk_index_done);
	}
	return NULL;
}

uint64_t desk_deadline(const struct carousel_rx *rx)
{
	uint64_t deadline = UINT64_MAX;
	if (rx->desk.job.is_under_way)
		return UINT64_MAX;
	if (desk_has_files(rx))
		deadline = rx->desk.retry_ns;
	if (rx->index && index_collector_deadline(rx->index) < deadline)
		deadline = index_collector_deadline(rx->index);
	return deadline;
}
