/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels.h"
#include "tp_loops.h"

TP_INLINE uint32_t smaller(const tp_loops *loops, uint32_t a, uint32_t b)
{
    (void)loops;
    return tp_min4(a, b);
}

TP_DEFINE_ROW_OF_WORDS(row, tp_loops, smaller)

#define VALUE(a, b) ((a) < (b) ? (a) : (b))
TP_DEFINE_ROW_OF_BYTES(short_row, VALUE)

void tp_minimum_s8_dense_c(const tp_loops *loops, const int8_t *left, const int8_t *right, int8_t *output)
{
    if (loops->count_3 < TP_FEW_VALUES) {
#define SHORT_ROW(a, b, y) short_row(loops, a, b, y)
        TP_FOR_EACH_ROW(loops, left, right, output, SHORT_ROW)
    } else {
#define ROW(a, b, y) row(loops, loops, a, b, y)
        TP_FOR_EACH_ROW(loops, left, right, output, ROW)
    }
}
