/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"
#include "tp_loops.h"

enum { LEFT_SHIFT = 15 };

TP_INLINE int32_t value(const tp_add *add, int32_t a, int32_t b)
{
    const int32_t sum = tp_requantize(a * (1 << LEFT_SHIFT), add->left_multiplier, add->left_shift)
                        + add->right_sign * tp_requantize(b * (1 << LEFT_SHIFT), add->right_multiplier, add->right_shift);
    const int32_t scaled = tp_requantize(sum, add->output_multiplier, add->output_shift);
    return tp_clamp(scaled, add->activation_min, add->activation_max);
}

void tp_add_s16_dense_c(const tp_loops *loops, const tp_add *add, const int16_t *left, const int16_t *right, int16_t *output)
{
#define VALUE(a, b) value(add, a, b)
#define ROW(a, b, y) TP_ROW_OF_HALFWORDS(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
