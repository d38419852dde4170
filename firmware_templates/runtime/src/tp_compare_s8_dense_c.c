/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

enum { LEFT_SHIFT = 8 };

TP_INLINE int32_t value(const tp_compare *op, int32_t a, int32_t b)
{
    const int32_t x0 = (a - op->left_zero_point) * (1 << LEFT_SHIFT), x1 = (b - op->right_zero_point) * (1 << LEFT_SHIFT);
    const int32_t difference = tp_requantize_narrow(x0, op->left_multiplier, op->left_shift)
                             - tp_requantize_narrow(x1, op->right_multiplier, op->right_shift);
    return difference < 0 ? op->if_less : difference > 0 ? op->if_greater : op->if_equal;
}

void tp_compare_s8_dense_c(const tp_loops *loops, const tp_compare *op, const int8_t *left, const int8_t *right,
                           int8_t *output)
{
#define VALUE(a, b) value(op, a, b)
#define ROW(a, b, y) TP_ROW_OF_VALUES(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
