/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_s16.h"
#include "tp_loops.h"

void tp_maximum_s16_dense_c(const tp_loops *loops, const int16_t *left, const int16_t *right, int16_t *output)
{
#define VALUE(a, b) ((a) > (b) ? (a) : (b))
#define ROW(a, b, y) TP_ROW_OF_HALFWORDS(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
