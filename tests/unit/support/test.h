/* SPDX-License-Identifier: Apache-2.0 */
/* support/test.h - cmocka with the headers it wants first, and small helpers for all tests. */
#ifndef XVS_TEST_SUPPORT_TEST_H
#define XVS_TEST_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { TEST_PATH = 128 };

/* Makes an empty directory of this test's own; fails the test if it cannot. */
const char *test_temp_dir(char out[TEST_PATH]);

/* Removes it with the plain files in it. */
void test_temp_remove(const char *dir);

/* Numbers that look random and are the same in every run; 'state' is any seed. */
uint64_t test_random(uint64_t *state);

#endif /* XVS_TEST_SUPPORT_TEST_H */
