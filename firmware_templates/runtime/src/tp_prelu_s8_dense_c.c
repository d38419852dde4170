/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

TP_INLINE int32_t value(const tp_prelu *prelu, int32_t a, int32_t b)
{
    const int32_t x = a - prelu->left_zero_point;
    const int32_t scaled =
        x >= 0 ? tp_requantize(x, prelu->positive_multiplier, prelu->positive_shift)
               : tp_requantize(x * (b - prelu->right_zero_point), prelu->negative_multiplier, prelu->negative_shift);
    return tp_clamp(scaled + prelu->output_zero_point, INT8_MIN, INT8_MAX);
}

void tp_prelu_s8_dense_c(const tp_loops *loops, const tp_prelu *prelu, const int8_t *left, const int8_t *right, int8_t *output)
{
#define VALUE(a, b) value(prelu, a, b)
#define ROW(a, b, y) TP_ROW_OF_VALUES(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
