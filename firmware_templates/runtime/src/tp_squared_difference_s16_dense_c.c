/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"
#include "tp_loops.h"

TP_INLINE int32_t value(const tp_squared_difference *op, int32_t a, int32_t b)
{
    const int32_t difference = tp_requantize(a, op->left_multiplier, op->left_shift)
                               - tp_requantize(b, op->right_multiplier, op->right_shift);
    return tp_clamp(tp_requantize(difference * difference, op->output_multiplier, op->output_shift), INT16_MIN, INT16_MAX);
}

void tp_squared_difference_s16_dense_c(const tp_loops *loops, const tp_squared_difference *op, const int16_t *left,
                                       const int16_t *right, int16_t *output)
{
#define VALUE(a, b) value(op, a, b)
#define ROW(a, b, y) TP_ROW_OF_HALFWORDS(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
