/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

static int32_t plane_sum(const int8_t *words, const int8_t *bytes, int32_t height)
{
    const uint32_t ones = 0x00010001u;
    int32_t sum = 0;
    for (; height > 0; height--) {
        uint32_t x;
        memcpy(&x, words, sizeof x);
        sum = tp_smlad(tp_sxtb16(x), ones, sum);
        sum = tp_smlad(tp_sxtb16_ror8(x), ones, sum) + *bytes++;
        words += sizeof x;
    }
    return sum;
}

void tp_average_pool_five_s8_dsp(const tp_layer *layer, const tp_five_map *map, const int8_t *input, int8_t *output)
{
    const int32_t height = layer->in_height, count = 5 * height;
    for (int32_t channel = 0; channel < layer->in_channels; channel++) {
        const int32_t sum = plane_sum(input + 4 * map->first, input + 4 * map->slots + map->first, height);
        int32_t mean = (sum < 0 ? sum - count / 2 : sum + count / 2) / count;
        mean = mean < layer->activation_min ? layer->activation_min : mean;
        *output++ = (int8_t)(mean > layer->activation_max ? layer->activation_max : mean);
        input += 5 * map->slots;
    }
}
