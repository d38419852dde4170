/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <stdbool.h>

#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

TP_INLINE int32_t one(const tp_mul_fast *mul, int32_t product)
{
    return tp_ssat8(tp_requantize_fast(product, mul->multiplier, mul->right_shift, mul->offset));
}

/* Four products. */
TP_INLINE uint32_t products(const tp_mul_fast *mul, uint32_t a, uint32_t b)
{
    const int32_t left = mul->left_zero_point, right = mul->right_zero_point;
    const int32_t y0 = one(mul, ((int8_t)a - left) * ((int8_t)b - right));
    const int32_t y1 = one(mul, ((int8_t)(a >> 8) - left) * ((int8_t)(b >> 8) - right));
    const int32_t y2 = one(mul, ((int8_t)(a >> 16) - left) * ((int8_t)(b >> 16) - right));
    const int32_t y3 = one(mul, ((int8_t)(a >> 24) - left) * ((int8_t)(b >> 24) - right));
    return tp_pack4(y0, y1, y2, y3);
}

TP_INLINE uint32_t clamped(const tp_mul_fast *mul, uint32_t a, uint32_t b)
{
    return tp_clamp4(products(mul, a, b), mul->activation_min, mul->activation_max);
}

TP_DEFINE_ROW_OF_WORDS(row_of_products, tp_mul_fast, products)
TP_DEFINE_ROW_OF_WORDS(row_of_clamped, tp_mul_fast, clamped)

void tp_mul_s8_fast_c(const tp_loops *loops, const tp_mul_fast *mul, const int8_t *left, const int8_t *right, int8_t *output)
{
    const bool plain = mul->activation_min == INT8_MIN && mul->activation_max == INT8_MAX;
#define ROW(a, b, y) (plain ? row_of_products : row_of_clamped)(mul, loops, a, b, y)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
