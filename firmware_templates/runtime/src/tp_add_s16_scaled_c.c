/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"
#include "tp_loops.h"

TP_INLINE int32_t value(const tp_common_scale *common, const tp_rescale *rescale, int32_t a, int32_t b)
{
    int32_t small = b * common->small_factor;
    if (common->right_shift > 0) {
        small = tp_requantize_fast(small, common->multiplier, common->right_shift, common->half);
    }
    const int32_t sum = a * common->large_factor + common->sign * small;
    const int32_t y = tp_requantize_fast(sum, rescale->multiplier, rescale->right_shift, rescale->offset);
    return tp_clamp(y, rescale->activation_min, rescale->activation_max);
}

void tp_add_s16_scaled_c(const tp_loops *loops, const tp_common_scale *common, const tp_rescale *rescale, const int16_t *large,
                         const int16_t *small, int16_t *output)
{
    const tp_common_scale first = *common;
    const tp_rescale second = *rescale;
#define VALUE(a, b) value(&first, &second, a, b)
#define ROW(a, b, y) TP_ROW_OF_HALFWORDS(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, large, small, output, ROW)
}
