/* SPDX-License-Identifier: Apache-2.0 */
/* "xvs.timer/1" across real threads. */
#include "bench.h"

static const struct xvs_timer_host *timers;
static struct xvs_timer *timer;
static atomic_uint fired;
static atomic_uint armed_by;
static void *seen_state;

static void make(void)
{
	atomic_store(&fired, 0);
	seen_state = NULL;
	bench_make();
	timers = bench.host->query(bench.host, XVS_TIMER);
	assert_non_null(timers);
}

static void on_control(void *arg)
{
	assert_ptr_equal(arg, &fired);
	atomic_fetch_add(&fired, 1);
}

static void on_control_again(void *arg)
{
	(void)arg;
	if (atomic_fetch_add(&fired, 1) < 4)
		timers->arm(bench.host, timer, 0);
}

static void on_worker(void *arg, void *worker_state, uint64_t now_ns)
{
	struct worker *const *expected = arg;

	if (worker_self == *expected && now_ns)
		seen_state = worker_state;
	atomic_fetch_add(&fired, 1);
}

static void on_worker_again(void *arg, void *worker_state, uint64_t now_ns)
{
	(void)arg;
	(void)worker_state;
	(void)now_ns;
	atomic_fetch_add(&fired, 1);
	timers->arm(bench.host, timer, 0);
}

static void turns(unsigned count)
{
	while (count-- > 0)
		bench_turn();
}

static void fires_once_on_the_control_thread(void **state)
{
	(void)state;
	make();
	timer = timers->create(bench.host, on_control, &fired);
	turns(5);
	assert_int_equal(atomic_load(&fired), 0);
	timers->arm(bench.host, timer, NS_PER_MS);
	bench_wait(&fired, 1);
	turns(20);
	assert_int_equal(atomic_load(&fired), 1);
	timers->destroy(bench.host, timer);
}

static void is_armed_again_from_its_callback(void **state)
{
	(void)state;
	make();
	timer = timers->create(bench.host, on_control_again, NULL);
	timers->arm(bench.host, timer, 0);
	bench_wait(&fired, 5);
}

static void a_new_time_replaces_the_old_one(void **state)
{
	(void)state;
	make();
	timer = timers->create(bench.host, on_control, &fired);
	timers->arm(bench.host, timer, 0);
	timers->arm(bench.host, timer, 3600 * NS_PER_S);
	turns(20);
	assert_int_equal(atomic_load(&fired), 0);
	timers->arm(bench.host, timer, UINT64_MAX);
	timers->arm(bench.host, timer, 0);
	bench_wait(&fired, 1);
}

static void *arm_from_elsewhere(void *arg)
{
	timers->arm(bench.host, arg, 0);
	atomic_fetch_add(&armed_by, 1);
	return NULL;
}

static void another_thread_may_arm(void **state)
{
	pthread_t thread;

	(void)state;
	make();
	timer = timers->create(bench.host, on_control, &fired);
	assert_int_equal(pthread_create(&thread, NULL, arm_from_elsewhere, timer), 0);
	bench_wait(&fired, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* The letter of another thread is under way when the timer is destroyed. */
static void is_destroyed_with_its_letter_under_way(void **state)
{
	pthread_t thread;

	(void)state;
	make();
	timer = timers->create(bench.host, on_control, &fired);
	assert_int_equal(pthread_create(&thread, NULL, arm_from_elsewhere, timer), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	timers->destroy(bench.host, timer);
	turns(5);
	assert_int_equal(atomic_load(&fired), 0);
}

static int attach(void *self, uint32_t worker, int numa_node, void **worker_state,
		  struct xvs_error *err)
{
	(void)self;
	(void)numa_node;
	(void)err;
	*worker_state = &bench.threads[worker];
	return 0;
}

static void fires_on_its_worker_with_that_workers_state(void **state)
{
	(void)state;
	bench.ops.worker_attach = attach;
	make();
	bench_run();
	timer = timers->create_on(bench.host, 1, on_worker, &bench.workers[1]);
	assert_non_null(timer);
	timers->arm(bench.host, timer, NS_PER_MS);
	bench_wait(&fired, 1);
	assert_ptr_equal(seen_state, &bench.threads[1]);
}

static int attach_with_timer(void *self, uint32_t worker, int numa_node, void **worker_state,
			     struct xvs_error *err)
{
	struct timespec pause = { .tv_nsec = 5000000 };
	int code = attach(self, worker, numa_node, worker_state, err);

	if (worker != 1)
		return code;
	timers = bench.host->query(bench.host, XVS_TIMER);
	timer = timers->create_on(bench.host, worker, on_worker, &bench.workers[1]);
	timers->arm(bench.host, timer, 0);
	(void)nanosleep(&pause, NULL); /* its worker could fire it before the state is known */
	return code;
}

static void made_in_worker_attach_it_waits_for_the_state(void **state)
{
	(void)state;
	atomic_store(&fired, 0);
	seen_state = NULL;
	bench.ops.worker_attach = attach_with_timer;
	bench_run();
	bench_make();
	bench_wait(&fired, 1);
	assert_ptr_equal(seen_state, &bench.threads[1]);
}

/* "When it returns, the callback is not running and will not run." */
static void after_destroy_a_worker_timer_never_fires(void **state)
{
	(void)state;
	make();
	bench_run();
	for (unsigned n = 0; n < 50; n++) {
		unsigned before;

		timer = timers->create_on(bench.host, n % BENCH_WORKERS, on_worker_again, NULL);
		timers->arm(bench.host, timer, 0);
		bench_wait(&fired, atomic_load(&fired) + 3);
		timers->destroy(bench.host, timer);
		before = atomic_load(&fired);
		turns(3);
		assert_int_equal(atomic_load(&fired), before);
	}
}

/* "The host disarms timers before destroy(); ... then the host frees what was not destroyed." */
static void destroying_the_instance_stops_all_timers(void **state)
{
	unsigned before;

	(void)state;
	make();
	bench_run();
	timer = timers->create_on(bench.host, 0, on_worker_again, NULL);
	timers->arm(bench.host, timer, 0);
	timers->arm(bench.host, timers->create(bench.host, on_control, &fired), 0);
	timers->arm(bench.host, timers->create_on(bench.host, 1, on_worker, &bench.workers[1]),
		    3600 * NS_PER_S);
	(void)timers->create_on(bench.host, 1, on_worker, &bench.workers[1]);
	bench_wait(&fired, 5);
	bench_unmake();
	before = atomic_load(&fired);
	turns(10);
	assert_int_equal(atomic_load(&fired), before);
}

static void detach_that_arms(void *self, void *worker_state)
{
	(void)self;
	(void)worker_state;
	timers->arm(bench.host, timer, 0);
	assert_null(timers->create(bench.host, on_control, &fired));
}

/* "the handle stays good until destroy() returns" */
static void arming_after_silence_does_nothing(void **state)
{
	(void)state;
	bench.ops.worker_detach = detach_that_arms;
	make();
	timer = timers->create(bench.host, on_control, &fired);
	instance_silence(bench.instance);
	timers->arm(bench.host, timer, 0);
	turns(5);
	bench_unmake();
	turns(5);
	assert_int_equal(atomic_load(&fired), 0);
}

static void *create_from_elsewhere(void *arg)
{
	(void)arg;
	if (timers->create(bench.host, on_control, NULL) ||
	    timers->create_on(bench.host, 0, on_worker, NULL))
		atomic_fetch_add(&fired, 1);
	return NULL;
}

static void is_made_by_the_control_thread_for_workers_that_exist(void **state)
{
	pthread_t thread;

	(void)state;
	make();
	assert_null(timers->create(bench.host, NULL, NULL));
	assert_null(timers->create_on(bench.host, BENCH_WORKERS, on_worker, NULL));
	assert_int_equal(pthread_create(&thread, NULL, create_from_elsewhere, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(atomic_load(&fired), 0);
	timers->destroy(bench.host, NULL);
	timers->arm(bench.host, NULL, 0);
}

/* arm() cannot fail, so there must be an end to what can be armed. */
static void a_worker_has_room_for_so_many(void **state)
{
	unsigned count = 0;

	(void)state;
	make();
	while (timers->create_on(bench.host, 0, on_worker, NULL))
		count++;
	assert_int_equal(count, TIMERS_MAX - 1024);
	assert_non_null(timers->create_on(bench.host, 1, on_worker, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(fires_once_on_the_control_thread),
		BENCH(is_armed_again_from_its_callback),
		BENCH(a_new_time_replaces_the_old_one),
		BENCH(another_thread_may_arm),
		BENCH(is_destroyed_with_its_letter_under_way),
		BENCH(fires_on_its_worker_with_that_workers_state),
		BENCH(made_in_worker_attach_it_waits_for_the_state),
		BENCH(after_destroy_a_worker_timer_never_fires),
		BENCH(destroying_the_instance_stops_all_timers),
		BENCH(arming_after_silence_does_nothing),
		BENCH(is_made_by_the_control_thread_for_workers_that_exist),
		BENCH(a_worker_has_room_for_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
