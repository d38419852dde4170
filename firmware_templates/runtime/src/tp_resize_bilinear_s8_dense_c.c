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
    return (int8_t)((total + HALF - (total < 0)) >> WHOLE_BITS);
}

/* `channels` values of a pixel, from its neighbours in the rows above and below, `right` bytes apart. */
static void interpolate(const int8_t *upper, const int8_t *lower, int32_t right, const int32_t weights[4], int32_t channels,
                        int8_t *output)
{
    const int32_t wa = weights[0], wb = weights[1], wc = weights[2], wd = weights[3];
    for (const int8_t *end = upper + channels; upper != end; upper++, lower++) {
        *output++ = rounded(upper[0] * wa + upper[right] * wb + lower[0] * wc + lower[right] * wd);
    }
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
            const int32_t left = columns.before * channels, right = columns.behind * channels - left;
            const int32_t weights[4] = {rows.first * columns.first, rows.first * columns.second,
                                        rows.second * columns.first, rows.second * columns.second};
            interpolate(upper + left, lower + left, right, weights, channels, output);
            output += channels;
        }
    }
}
