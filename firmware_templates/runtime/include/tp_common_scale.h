/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Sums and differences of two operands of different scales, four at a time: step by step, so that registers suffice for what each
 * step needs. */
#ifndef TP_COMMON_SCALE_H
#define TP_COMMON_SCALE_H

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

typedef struct tp_scaled {
    tp_common_scale common;
    tp_rescale rescale;
} tp_scaled;

TP_INLINE int32_t tp_small(const tp_common_scale *common, int32_t x)
{
    return tp_requantize_fast(x * common->small_factor + common->small_offset, common->multiplier, common->right_shift,
                              common->half);
}

TP_INLINE int32_t tp_with_large(const tp_common_scale *common, int32_t small, int32_t x)
{
    return small * common->sign + (x * common->large_factor + common->large_offset);
}

/* sums[4] of four bytes each. */
TP_INLINE void tp_four_sums(const tp_common_scale *common, uint32_t large, uint32_t small, int32_t *sums)
{
    const int32_t y0 = tp_small(common, (int8_t)small), y1 = tp_small(common, (int8_t)(small >> 8));
    const int32_t y2 = tp_small(common, (int8_t)(small >> 16)), y3 = tp_small(common, (int8_t)(small >> 24));
    sums[0] = tp_with_large(common, y0, (int8_t)large);
    sums[1] = tp_with_large(common, y1, (int8_t)(large >> 8));
    sums[2] = tp_with_large(common, y2, (int8_t)(large >> 16));
    sums[3] = tp_with_large(common, y3, (int8_t)(large >> 24));
}

/* What becomes of them, limited to int8. */
TP_INLINE uint32_t tp_four_rescaled(const tp_rescale *rescale, const int32_t *sums)
{
    const int32_t multiplier = rescale->multiplier, shift = rescale->right_shift, offset = rescale->offset;
    const int32_t y0 = tp_ssat8(tp_requantize_fast(sums[0], multiplier, shift, offset));
    const int32_t y1 = tp_ssat8(tp_requantize_fast(sums[1], multiplier, shift, offset));
    const int32_t y2 = tp_ssat8(tp_requantize_fast(sums[2], multiplier, shift, offset));
    const int32_t y3 = tp_ssat8(tp_requantize_fast(sums[3], multiplier, shift, offset));
    return tp_pack4(y0, y1, y2, y3);
}

#endif
