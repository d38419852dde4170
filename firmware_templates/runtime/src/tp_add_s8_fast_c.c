/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <stdbool.h>

#include "tp_dsp.h"
#include "tp_kernels.h"
#include "tp_loops.h"

/* Four sums. */
TP_INLINE uint32_t sums(const tp_add_fast *add, uint32_t a, uint32_t b)
{
    const uint32_t upper = 0xff00ff00u; /* int8 x as the halfword x * 2^8 */
    const uint32_t a02 = a << 8 & upper, a13 = a & upper, b02 = b << 8 & upper, b13 = b & upper;
    const int32_t y0 = tp_smlawb(add->right_factor, b02, tp_smlawb(add->left_factor, a02, add->offset));
    const int32_t y1 = tp_smlawb(add->right_factor, b13, tp_smlawb(add->left_factor, a13, add->offset));
    const int32_t y2 = tp_smlawt(add->right_factor, b02, tp_smlawt(add->left_factor, a02, add->offset));
    const int32_t y3 = tp_smlawt(add->right_factor, b13, tp_smlawt(add->left_factor, a13, add->offset));
    return tp_pack4(tp_ssat8_asr21(y0), tp_ssat8_asr21(y1), tp_ssat8_asr21(y2), tp_ssat8_asr21(y3));
}

TP_INLINE uint32_t clamped(const tp_add_fast *add, uint32_t a, uint32_t b)
{
    return tp_clamp4(sums(add, a, b), add->activation_min, add->activation_max);
}

TP_DEFINE_ROW_OF_WORDS(row_of_sums, tp_add_fast, sums)
TP_DEFINE_ROW_OF_WORDS(row_of_clamped, tp_add_fast, clamped)

void tp_add_s8_fast_c(const tp_loops *loops, const tp_add_fast *add, const int8_t *left, const int8_t *right, int8_t *output)
{
    const bool plain = add->activation_min == INT8_MIN && add->activation_max == INT8_MAX;
#define ROW(a, b, y) (plain ? row_of_sums : row_of_clamped)(add, loops, a, b, y)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
