/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Four channels at a time: each halfword of a word of the map times its weight. */
#include <string.h>

#include "tp_dsp.h"
#include "tp_s16.h"

enum { CHANNELS = 4 };

/* The taps of a kernel, along one axis, that lie on the map: from `first` to before `end`. */
typedef struct span {
    int32_t first, end;
} span;

static span inside(int32_t start, int32_t taps, int32_t dilation, int32_t size)
{
    const int32_t before = start < 0 ? (dilation - 1 - start) / dilation : 0;
    const int32_t end = start < size ? (size - start + dilation - 1) / dilation : 0;
    return (span){before, end < taps ? end : taps};
}

/* Accumulators of four channels. */
typedef struct quad {
    int32_t c0, c1, c2, c3;
} quad;

/* acc + the weights of four channels . those of the map; x and w are at the first tap, apart from tap to tap. */
static inline quad row_of_four(const int16_t *x, int32_t x_step, const int8_t *w, int32_t w_step, int32_t taps,
                               quad acc)
{
    for (; taps > 0; taps--) {
        uint32_t two[2], four;
        memcpy(two, x, sizeof two);
        memcpy(&four, w, sizeof four);
        const uint32_t even = tp_sxtb16(four), odd = tp_sxtb16_ror8(four);
        acc.c0 = tp_smlabb(two[0], even, acc.c0);
        acc.c1 = tp_smlatb(two[0], odd, acc.c1);
        acc.c2 = tp_smlabt(two[1], even, acc.c2);
        acc.c3 = tp_smlatt(two[1], odd, acc.c3);
        x += x_step;
        w += w_step;
    }
    return acc;
}

/* All channels of the pixel whose kernel begins at (top, left) of the map. */
static void one_pixel(const tp_layer *layer, const int8_t *weights, const tp_channel *channels, const int16_t *input,
                      int32_t top, int32_t left, int16_t *output)
{
    const span rows = inside(top, layer->kernel_height, layer->dilation_height, layer->in_height);
    const span columns = inside(left, layer->kernel_width, layer->dilation_width, layer->in_width);
    const int32_t count = layer->in_channels, taps = columns.end - columns.first;
    const int32_t x_step = layer->dilation_width * count, x_row = layer->dilation_height * layer->in_width * count;
    const int32_t w_row = layer->kernel_width * count;
    const int32_t origin = (top * layer->in_width + left) * count; /* outside of the map, perhaps */
    const int16_t *const x = input + (origin + rows.first * x_row + columns.first * x_step);
    const int8_t *const w = weights + rows.first * w_row + columns.first * count;
    for (int32_t c = 0; c < count; c += CHANNELS) {
        quad acc = {channels[c].bias, channels[c + 1].bias, channels[c + 2].bias, channels[c + 3].bias};
        for (int32_t row = 0; row < rows.end - rows.first; row++) {
            acc = row_of_four(x + row * x_row + c, x_step, w + row * w_row + c, count, taps, acc);
        }
        output[c] = tp_output_s16(acc.c0, &channels[c], layer);
        output[c + 1] = tp_output_s16(acc.c1, &channels[c + 1], layer);
        output[c + 2] = tp_output_s16(acc.c2, &channels[c + 2], layer);
        output[c + 3] = tp_output_s16(acc.c3, &channels[c + 3], layer);
    }
}

void tp_depthwise_2d_s16_dense_dsp(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                   const int16_t *input, int16_t *output, void *scratch)
{
    (void)scratch;
    for (int32_t row = 0; row < layer->out_height; row++) {
        const int32_t top = row * layer->stride_height - layer->pad_top;
        for (int32_t column = 0; column < layer->out_width; column++) {
            one_pixel(layer, weights, channels, input, top, column * layer->stride_width - layer->pad_left, output);
            output += layer->out_channels;
        }
    }
}
