/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Sums of the average pool alone, with constants where a compiler likes to share registers, for tests. */
#define tp_average_pool_five_s8_dsp test_average_pool
#include "../../../firmware_templates/runtime/src/tp_average_pool_five_s8_dsp.c"

void test_add_bytes(const int8_t *x, uint32_t *y);

/* y[2]: the sum of x[TOGETHER] as 0..255, and that of its first four. */
void test_add_bytes(const int8_t *x, uint32_t *y)
{
    y[0] = add_bytes(x, 0);
    y[1] = add_word(unsigned_word(x), 0);
}
