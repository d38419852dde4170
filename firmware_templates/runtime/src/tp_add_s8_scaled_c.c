/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_common_scale.h"

TP_INLINE uint32_t sums(const tp_scaled *add, uint32_t a, uint32_t b)
{
    int32_t y[4];
    tp_four_sums(&add->common, a, b, y);
    return tp_clamp4(tp_four_rescaled(&add->rescale, y), add->rescale.activation_min, add->rescale.activation_max);
}

TP_DEFINE_ROW_OF_WORDS(row_of_sums, tp_scaled, sums)

void tp_add_s8_scaled_c(const tp_loops *loops, const tp_common_scale *common, const tp_rescale *rescale, const int8_t *large,
                        const int8_t *small, int8_t *output)
{
    const tp_scaled add = {*common, *rescale};
#define ROW(a, b, y) row_of_sums(&add, loops, a, b, y)
    TP_FOR_EACH_ROW(loops, large, small, output, ROW)
}
