#include "carousel-tx/feed.h"

#include "common/carousel_error.h"

#include <string.h>

#define MAX_WINDOW_BYTES   (2u << 20)
#define MIN_WINDOW_BYTES   (64u << 10)
#define KEPT_SEGMENT_BYTES (4u << 20) /* enough when no block has to be loaded again */
#define MIN_SEGMENT_ROWS   16u
#define RETRY_NS           1000000000u

struct window_job {
	struct tx_job job;
	struct tx_feed *feed;
	struct tx_feed_window *window;
	uint64_t offset;
	size_t len;
};

void tx_feed_init(struct tx_feed *feed, struct tx_encoder *shared, struct tx_encoder_object *object)
{
	*feed = (struct tx_feed){.shared = shared, .object = object};
	shared->waiting_bytes += object->layout->oti.transfer_length;
}

static void free_windows(struct tx_feed *feed)
{
	for (unsigned i = 0; i < TX_FEED_WINDOWS; i++) {
		if (feed->windows[i].data == NULL || feed->windows[i].state == TX_FEED_FILLING)
			continue;
		memory_free(feed->shared->allocator, feed->windows[i].data);
		feed->windows[i] = (struct tx_feed_window){.state = TX_FEED_EMPTY};
	}
}

void tx_feed_deinit(struct tx_feed *feed)
{
	free_windows(feed);
	for (unsigned i = 0; i < TX_FEED_SEGMENTS; i++)
		tx_encoder_spool_free(feed->shared, feed->segments[i].data, feed->segment_bytes);
	if (feed->window_bytes == 0)
		feed->shared->waiting_bytes -= feed->object->layout->oti.transfer_length;
	feed->shared->read_ahead_reserved -= feed->reserved_windows;
	feed->shared->spool_reserved -= feed->reserved_segments;
	memset(feed, 0, sizeof *feed);
}

const uint8_t *tx_feed_symbol(struct tx_feed *feed, const struct tx_symbol *symbol)
{
	size_t symbol_size = feed->object->layout->oti.symbol_size;
	if (feed->window_bytes == 0)
		return NULL;
	if (symbol->is_source) {
		uint64_t index = symbol->image_offset / feed->window_bytes;
		for (unsigned i = 0; i < TX_FEED_WINDOWS; i++)
			if (feed->windows[i].state == TX_FEED_READY && feed->windows[i].index == index)
				return feed->windows[i].data + (symbol->image_offset - index * feed->window_bytes);
	} else {
		uint64_t per_segment = feed->rows * feed->object->layout->oti.num_blocks;
		uint64_t index = symbol->repair_index / per_segment;
		for (unsigned i = 0; i < TX_FEED_SEGMENTS; i++)
			if (feed->segments[i].state == TX_FEED_READY && feed->segments[i].index == index)
				return feed->segments[i].data +
				       (symbol->repair_index - index * per_segment) * symbol_size;
	}
	return NULL;
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

/* Of what is left of a budget: as much as the file is of all that wait for theirs, and not more than leaves room for as
 * many to come. */
static uint64_t fair_share(const struct tx_feed *feed, uint64_t budget, uint64_t reserved)
{
	uint64_t left = budget > reserved ? budget - reserved : 0;
	double part = (double)feed->object->layout->oti.transfer_length / (double)feed->shared->waiting_bytes;
	return (uint64_t)((double)left * (part < 0.5 ? part : 0.5));
}

/* Windows and segments, reserved from now on. */
static void feed_lay_out(struct tx_feed *feed, const struct tx_cursor *cursor)
{
	const struct fec_oti *oti = &feed->object->layout->oti;
	struct tx_encoder *e = feed->shared;
	uint64_t share = fair_share(feed, e->budget.read_ahead_bytes, e->read_ahead_reserved);
	uint64_t row_bytes = (uint64_t)oti->num_blocks * oti->symbol_size, rows;
	uint64_t image = cursor->source_symbols * oti->symbol_size;
	uint64_t window = at_most(share / TX_FEED_WINDOWS, MAX_WINDOW_BYTES), unit = oti->symbol_size;
	if (window < MIN_WINDOW_BYTES)
		window = MIN_WINDOW_BYTES;
	window = at_most((window + unit - 1) / unit * unit, image);
	feed->window_bytes = (size_t)window;
	feed->num_windows = (image + window - 1) / window;
	feed->reserved_windows = at_most(feed->num_windows, TX_FEED_WINDOWS) * window;
	e->read_ahead_reserved += feed->reserved_windows;
	share = fair_share(feed, e->budget.spool_bytes, e->spool_reserved);
	e->waiting_bytes -= oti->transfer_length;
	if (cursor->repair_rows == 0)
		return;
	rows = share / TX_FEED_SEGMENTS / row_bytes;
	if (feed->object->keeps)
		rows = at_most(rows, KEPT_SEGMENT_BYTES / row_bytes);
	if (rows < MIN_SEGMENT_ROWS)
		rows = MIN_SEGMENT_ROWS;
	rows = at_most(at_most(rows, feed->object->plans[0]->shape.num_source), cursor->repair_rows);
	feed->rows = rows;
	feed->num_segments = (cursor->repair_rows + rows - 1) / rows;
	feed->segment_bytes = (size_t)(rows * row_bytes);
	feed->reserved_segments = at_most(feed->num_segments, TX_FEED_SEGMENTS) * feed->segment_bytes;
	e->spool_reserved += feed->reserved_segments;
}

static int window_run(struct tx_job *base)
{
	struct window_job *job = (struct window_job *)base;
	struct tx_encoder_object *object = job->feed->object;
	return tx_source_read(object->source, object->layout, job->offset, job->window->data, job->len);
}

static int window_done(struct tx_job *base, uint64_t now_ns)
{
	struct window_job *job = (struct window_job *)base;
	struct tx_feed *feed = job->feed;
	int result = base->result;
	feed->jobs--;
	job->window->state = result ? TX_FEED_EMPTY : TX_FEED_READY;
	if (result)
		feed->retry_ns = now_ns + RETRY_NS;
	memory_free(feed->shared->allocator, job);
	return result;
}

static struct tx_job *window_job(struct tx_feed *feed, struct tx_feed_window *window, uint64_t index, int *error)
{
	struct tx_encoder *e = feed->shared;
	struct window_job *job = memory_alloc(e->allocator, 1, sizeof *job);
	if (job && window->data == NULL)
		window->data = memory_alloc(e->allocator, feed->window_bytes, 1);
	if (job == NULL || window->data == NULL) {
		memory_free(e->allocator, job);
		*error = CAROUSEL_E_MEMORY;
		return NULL;
	}
	job->job = (struct tx_job){.run = window_run, .done = window_done};
	job->feed = feed;
	job->window = window;
	job->offset = index * feed->window_bytes;
	job->len = feed->window_bytes;
	window->index = index;
	window->state = TX_FEED_FILLING;
	feed->jobs++;
	return &job->job;
}

static bool is_wanted(uint64_t index, const uint64_t *wanted, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (wanted[i] == index)
			return true;
	return false;
}

/* Which windows the cursor comes to next; none while it is deep in its repair symbols. */
static unsigned windows_wanted(const struct tx_feed *feed, const struct tx_cursor *cursor, uint64_t *wanted)
{
	uint64_t symbol_size = feed->object->layout->oti.symbol_size, first, ahead = TX_FEED_WINDOWS;
	unsigned count = 0;
	if (cursor->phase < cursor->source_symbols) {
		first = cursor->phase * symbol_size / feed->window_bytes;
		if (cursor->repair_rows)
			ahead = at_most(ahead, feed->num_windows - first);
	} else if (cursor->cycle - cursor->phase <= 2 * feed->rows * cursor->num_blocks) {
		first = 0;
	} else {
		return 0;
	}
	ahead = at_most(ahead, feed->num_windows);
	for (uint64_t i = 0; i < ahead; i++)
		wanted[count++] = (first + i) % feed->num_windows;
	return count;
}

static struct tx_job *next_window_job(struct tx_feed *feed, const struct tx_cursor *cursor, int *error)
{
	uint64_t wanted[TX_FEED_WINDOWS];
	unsigned count = windows_wanted(feed, cursor, wanted);
	if (count == 0)
		free_windows(feed);
	for (unsigned i = 0; i < TX_FEED_WINDOWS; i++)
		if (feed->windows[i].state == TX_FEED_FILLING)
			return NULL;
	for (unsigned w = 0; w < count; w++) {
		struct tx_feed_window *free_window = NULL;
		bool is_held = false;
		for (unsigned i = 0; i < TX_FEED_WINDOWS; i++) {
			struct tx_feed_window *window = &feed->windows[i];
			if (window->state == TX_FEED_READY && window->index == wanted[w])
				is_held = true;
			else if (window->state == TX_FEED_EMPTY || !is_wanted(window->index, wanted, count))
				free_window = window;
		}
		if (!is_held && free_window)
			return window_job(feed, free_window, wanted[w], error);
	}
	return NULL;
}

static void segment_encoded(void *user, int result, uint32_t num_blocks, uint64_t now_ns)
{
	struct tx_feed *feed = user;
	feed->jobs--;
	for (unsigned i = 0; i < TX_FEED_SEGMENTS; i++) {
		struct tx_feed_segment *segment = &feed->segments[i];
		if (segment->state != TX_FEED_FILLING)
			continue;
		if (result)
			feed->retry_ns = now_ns + RETRY_NS;
		else
			segment->blocks_done += num_blocks;
		if (segment->blocks_done == feed->object->layout->oti.num_blocks)
			segment->state = TX_FEED_READY;
	}
}

/* The next batch of blocks of the segment that is being made; at most one is at a time. */
static struct tx_job *segment_job(
	struct tx_feed *feed, struct tx_feed_segment *segment, const struct tx_cursor *cursor, int *error)
{
	struct tx_encode_request request = {.cursor = cursor,
		.first_row = segment->index * feed->rows,
		.first_block = segment->blocks_done,
		.out = segment->data,
		.user = feed,
		.done = segment_encoded};
	struct tx_job *job;
	request.rows = at_most(feed->rows, cursor->repair_rows - request.first_row);
	job = tx_encoder_job(feed->shared, feed->object, &request, error);
	if (job)
		feed->jobs++;
	return job;
}

static struct tx_job *next_segment_job(struct tx_feed *feed, const struct tx_cursor *cursor, int *error)
{
	uint64_t wanted[TX_FEED_SEGMENTS] = {0};
	unsigned count = (unsigned)at_most(feed->num_segments, TX_FEED_SEGMENTS);
	if (count == 0 || feed->shared->is_busy)
		return NULL;
	if (cursor->phase >= cursor->source_symbols)
		wanted[0] = (cursor->phase - cursor->source_symbols) / cursor->num_blocks / feed->rows;
	wanted[1] = (wanted[0] + 1) % feed->num_segments;
	for (unsigned i = 0; i < TX_FEED_SEGMENTS; i++)
		if (feed->segments[i].state == TX_FEED_FILLING)
			return segment_job(feed, &feed->segments[i], cursor, error);
	for (unsigned w = 0; w < count; w++) {
		struct tx_feed_segment *segment = NULL;
		bool is_held = false;
		for (unsigned i = 0; i < TX_FEED_SEGMENTS; i++) {
			if (feed->segments[i].state == TX_FEED_READY && feed->segments[i].index == wanted[w])
				is_held = true;
			else if (feed->segments[i].state == TX_FEED_EMPTY ||
				 !is_wanted(feed->segments[i].index, wanted, count))
				segment = &feed->segments[i];
		}
		if (is_held || segment == NULL)
			continue;
		if (segment->data == NULL)
			segment->data = tx_encoder_spool_alloc(feed->shared, feed->segment_bytes);
		if (segment->data == NULL) {
			*error = CAROUSEL_E_MEMORY;
			return NULL;
		}
		segment->index = wanted[w];
		segment->blocks_done = 0;
		segment->state = TX_FEED_FILLING;
		return segment_job(feed, segment, cursor, error);
	}
	return NULL;
}

struct tx_job *tx_feed_next_job(struct tx_feed *feed, const struct tx_cursor *cursor, uint64_t now_ns, int *error)
{
	struct tx_job *job;
	*error = 0;
	if (now_ns < feed->retry_ns)
		return NULL;
	if (feed->window_bytes == 0)
		feed_lay_out(feed, cursor);
	job = next_window_job(feed, cursor, error);
	return job || *error ? job : next_segment_job(feed, cursor, error);
}
