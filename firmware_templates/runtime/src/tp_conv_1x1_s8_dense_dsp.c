/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dot_two.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

/* All output channels of a pixel, the last of an odd number alone. */
static inline void put_pixel(tp_range range, const int8_t *weights, const tp_channel *channels, int32_t count, const int8_t *x,
                             int32_t taps, int8_t *output)
{
    for (; count > 0; count -= 2) {
        const int more = count > 1;
        const int32_t apart = more ? taps : 0;
        const tp_two acc = tp_dot_two(weights, apart, x, taps, (tp_two){channels->bias, channels[more].bias});
        *output++ = tp_output_within(range, acc.first, channels);
        if (more) {
            *output++ = tp_output_within(range, acc.second, channels + 1);
        }
        weights += taps + apart;
        channels += 2;
    }
}

void tp_conv_1x1_s8_dense_dsp(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                              const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    const tp_range range = tp_range_of(layer);
    for (int32_t pixels = layer->out_height * layer->out_width; pixels > 0; pixels--) {
        put_pixel(range, weights, channels, layer->out_channels, input, layer->in_channels, output);
        input += layer->in_channels;
        output += layer->out_channels;
    }
}
