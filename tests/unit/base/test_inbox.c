/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/worker.h"

enum { SENDERS = 3, LETTERS = 5000 };

struct note {
	struct letter letter; /* first */
	unsigned sender;
	unsigned nr;
};

static unsigned next_nr[SENDERS];
static unsigned out_of_order;
static unsigned received;

static void receive(struct letter *letter)
{
	struct note *note = (struct note *)letter;

	if (note->nr != next_nr[note->sender]++)
		out_of_order++;
	received++;
	free(note);
}

static struct note *note_create(unsigned sender, unsigned nr)
{
	struct note *note = calloc(1, sizeof(*note));

	if (!note)
		abort();
	note->sender = sender;
	note->nr = nr;
	return note;
}

static int setup(void **state)
{
	(void)state;
	memset(next_nr, 0, sizeof(next_nr));
	out_of_order = 0;
	received = 0;
	return 0;
}

static void push_says_when_the_box_was_empty(void **state)
{
	struct inbox box = { NULL };

	(void)state;
	assert_int_equal(inbox_run(&box), 0);
	assert_true(inbox_push(&box, &note_create(0, 0)->letter, receive));
	assert_false(inbox_push(&box, &note_create(0, 1)->letter, receive));
	assert_int_equal(inbox_run(&box), 2);
	assert_true(inbox_push(&box, &note_create(0, 2)->letter, receive));
	assert_int_equal(inbox_run(&box), 1);
	assert_int_equal(out_of_order, 0);
}

static struct inbox again_box;

static void send_again(struct letter *letter)
{
	received++;
	(void)inbox_push(&again_box, letter, send_again);
}

static void letter_sent_by_a_letter_waits_for_the_next_run(void **state)
{
	struct letter letter;

	(void)state;
	(void)inbox_push(&again_box, &letter, send_again);
	assert_int_equal(inbox_run(&again_box), 1);
	assert_int_equal(inbox_run(&again_box), 1);
	assert_int_equal(received, 2);
}

struct sender {
	pthread_t thread;
	struct worker *worker;
	unsigned nr;
};

static void *send_all(void *arg)
{
	const struct sender *sender = arg;

	for (unsigned i = 0; i < LETTERS; i++)
		worker_post(sender->worker, &note_create(sender->nr, i)->letter, receive);
	return NULL;
}

/* The owner sleeps in a blocking read, so a wake-up that got lost hangs the test. */
static void owner_that_sleeps_misses_no_letter_of_several_senders(void **state)
{
	struct worker worker = { .wake_fd = eventfd(0, EFD_CLOEXEC) };
	struct sender senders[SENDERS];
	uint64_t wakes;

	(void)state;
	assert_true(worker.wake_fd >= 0);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i].worker = &worker;
		senders[i].nr = i;
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]),
				 0);
	}
	while (received < SENDERS * LETTERS) {
		assert_int_equal(read(worker.wake_fd, &wakes, sizeof(wakes)), sizeof(wakes));
		(void)inbox_run(&worker.inbox);
	}
	for (unsigned i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
	assert_int_equal(received, SENDERS * LETTERS);
	assert_int_equal(out_of_order, 0);
	(void)close(worker.wake_fd);
}

static void only_the_first_letter_wakes(void **state)
{
	struct worker worker = { .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	uint64_t wakes = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		worker_post(&worker, &note_create(0, i)->letter, receive);
	assert_int_equal(read(worker.wake_fd, &wakes, sizeof(wakes)), sizeof(wakes));
	assert_int_equal(wakes, 1);
	assert_int_equal(inbox_run(&worker.inbox), 10);
	(void)close(worker.wake_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(push_says_when_the_box_was_empty, setup),
		cmocka_unit_test_setup(letter_sent_by_a_letter_waits_for_the_next_run, setup),
		cmocka_unit_test_setup(owner_that_sleeps_misses_no_letter_of_several_senders,
				       setup),
		cmocka_unit_test_setup(only_the_first_letter_wakes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
