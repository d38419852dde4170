/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_common_scale.h"

TP_INLINE uint32_t squares(const tp_scaled *op, uint32_t a, uint32_t b)
{
    int32_t y[4];
    tp_four_sums(&op->common, a, b, y);
    const int32_t squared[4] = {y[0] * y[0], y[1] * y[1], y[2] * y[2], y[3] * y[3]};
    return tp_four_rescaled(&op->rescale, squared);
}

TP_DEFINE_ROW_OF_WORDS(row_of_squares, tp_scaled, squares)

void tp_squared_difference_s8_scaled_c(const tp_loops *loops, const tp_common_scale *common, const tp_rescale *rescale,
                                       const int8_t *large, const int8_t *small, int8_t *output)
{
    const tp_scaled op = {*common, *rescale};
#define ROW(a, b, y) row_of_squares(&op, loops, a, b, y)
    TP_FOR_EACH_ROW(loops, large, small, output, ROW)
}
