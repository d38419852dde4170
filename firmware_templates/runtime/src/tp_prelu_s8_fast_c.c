/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

TP_INLINE int32_t one(const tp_prelu_fast *prelu, int32_t a, int32_t b)
{
    const int32_t x = a - prelu->left_zero_point, product = x * (b - prelu->right_zero_point);
    return x >= 0 ? tp_ssat8_asr21(x * prelu->factor + prelu->offset)
                  : tp_ssat8(tp_requantize_fast(product, prelu->multiplier, prelu->right_shift, prelu->product_offset));
}

/* Four values. */
TP_INLINE uint32_t four(const tp_prelu_fast *prelu, uint32_t a, uint32_t b)
{
    const int32_t y0 = one(prelu, (int8_t)a, (int8_t)b);
    const int32_t y1 = one(prelu, (int8_t)(a >> 8), (int8_t)(b >> 8));
    const int32_t y2 = one(prelu, (int8_t)(a >> 16), (int8_t)(b >> 16));
    const int32_t y3 = one(prelu, (int8_t)(a >> 24), (int8_t)(b >> 24));
    return tp_pack4(y0, y1, y2, y3);
}

TP_DEFINE_ROW_OF_WORDS(row, tp_prelu_fast, four)

void tp_prelu_s8_fast_c(const tp_loops *loops, const tp_prelu_fast *prelu, const int8_t *left, const int8_t *right,
                        int8_t *output)
{
#define ROW(a, b, y) row(prelu, loops, a, b, y)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
