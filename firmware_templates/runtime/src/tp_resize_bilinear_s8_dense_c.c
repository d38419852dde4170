/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels.h"

enum { UNIT = 1 << 10, HALF = 1 << 19, WHOLE_BITS = 20 };

/* Two neighbours along an axis, and the weights of both in Q10. */
typedef struct between {
    int32_t before, behind, first, second;
} between;

/* One weight is below 0 where both neighbours are the same pixel, at the edge. */
static between locate(int32_t position, int32_t size)
{
    between found;
    found.before = position > 0 ? position >> 10 : 0;
    found.behind = (position + UNIT - 1) >> 10;
    if (found.behind > size - 1) {
        found.behind = size - 1;
    }
    found.second = position - found.before * UNIT;
    found.first = UNIT - found.second;
    return found;
}

/* |total| <= 2^27: weights add up to 2^20. */
static int8_t rounded(int32_t total)
{
    return (int8_t)(total > 0 ? (total + HALF) >> WHOLE_BITS : -((HALF - total) >> WHOLE_BITS));
}

void tp_resize_bilinear_s8_dense_c(const tp_resize *resize, const int8_t *input, int8_t *output)
{
    const int32_t channels = resize->channels, row_bytes = resize->in_width * channels;
    int32_t y = resize->first_row;
    for (int32_t row = 0; row < resize->out_height; row++, y += resize->row_step) {
        const between rows = locate(y, resize->in_height);
        const int8_t *upper = input + rows.before * row_bytes, *lower = input + rows.behind * row_bytes;
        int32_t x = resize->first_column;
        for (int32_t column = 0; column < resize->out_width; column++, x += resize->column_step) {
            const between columns = locate(x, resize->in_width);
            const int32_t left = columns.before * channels, right = columns.behind * channels;
            const int32_t upper_left = rows.first * columns.first, upper_right = rows.first * columns.second;
            const int32_t lower_left = rows.second * columns.first, lower_right = rows.second * columns.second;
            for (int32_t c = 0; c < channels; c++) {
                *output++ = rounded(upper[left + c] * upper_left + upper[right + c] * upper_right +
                                    lower[left + c] * lower_left + lower[right + c] * lower_right);
            }
        }
    }
}
