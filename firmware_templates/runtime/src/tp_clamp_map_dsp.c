/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels_dsp.h"

static void clamp(int8_t *x, int32_t count, int32_t low, int32_t high)
{
    const uint32_t lows = UINT32_C(0x01010101) * (uint8_t)low, highs = UINT32_C(0x01010101) * (uint8_t)high;
    for (; count >= 4; count -= 4) {
        uint32_t four;
        memcpy(&four, x, sizeof four);
        four = tp_min4(tp_max4(four, lows), highs);
        memcpy(x, &four, sizeof four);
        x += 4;
    }
    for (; count > 0; count--) {
        *x = (int8_t)tp_clamp(*x, low, high);
        x++;
    }
}

void tp_clamp_map_dsp(const tp_layer *layer, const tp_five_map *map, int8_t *output)
{
    const int32_t low = layer->activation_min, high = layer->activation_max;
    if (low == INT8_MIN && high == INT8_MAX) {
        return;
    }
    if (!map->slots) {
        clamp(output, layer->out_height * layer->out_width * layer->out_channels, low, high);
        return;
    }
    for (int32_t channel = 0; channel < layer->out_channels; channel++) {
        clamp(output + 4 * map->first, 4 * layer->out_height, low, high);
        clamp(output + 4 * map->slots + map->first, layer->out_height, low, high);
        output += 5 * map->slots;
    }
}
