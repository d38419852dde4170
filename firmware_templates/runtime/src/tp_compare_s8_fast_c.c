/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

enum { LEFT_SHIFT = 8 };

/* (x - zero_point) * 2^LEFT_SHIFT, scaled. */
TP_INLINE int32_t scaled(int32_t x, int32_t zero_point, int32_t multiplier, int32_t right_shift)
{
    return tp_requantize_fast((x - zero_point) * (1 << LEFT_SHIFT), multiplier, right_shift, 1 << (right_shift - 1));
}

TP_INLINE int32_t difference(const tp_compare *op, int32_t a, int32_t b)
{
    return scaled(a, op->left_zero_point, op->left_multiplier, op->left_shift)
           - scaled(b, op->right_zero_point, op->right_multiplier, op->right_shift);
}

TP_INLINE uint32_t answer(const tp_compare *op, int32_t x)
{
    return (uint32_t)(x < 0 ? op->if_less : x > 0 ? op->if_greater : op->if_equal);
}

TP_INLINE uint32_t answers(const tp_compare *op, uint32_t a, uint32_t b)
{
    const int32_t x0 = difference(op, (int8_t)a, (int8_t)b), x1 = difference(op, (int8_t)(a >> 8), (int8_t)(b >> 8));
    const int32_t x2 = difference(op, (int8_t)(a >> 16), (int8_t)(b >> 16));
    const int32_t x3 = difference(op, (int8_t)(a >> 24), (int8_t)(b >> 24));
    return answer(op, x0) | answer(op, x1) << 8 | answer(op, x2) << 16 | answer(op, x3) << 24;
}

TP_DEFINE_ROW_OF_WORDS(row_of_answers, tp_compare, answers)

void tp_compare_s8_fast_c(const tp_loops *loops, const tp_compare *op, const int8_t *left, const int8_t *right, int8_t *output)
{
#define ROW(a, b, y) row_of_answers(op, loops, a, b, y)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
