/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_five_wide_s8_dense_c(const tp_relayout *map, const int8_t *input, int8_t *output)
{
    for (int32_t channel = 0; channel < map->channels; channel++) {
        int8_t *words = output + channel * 5 * map->slots + 4 * map->first;
        int8_t *fifth = output + channel * 5 * map->slots + 4 * map->slots + map->first;
        const int8_t *x = input + channel;
        for (int32_t row = 0; row < map->height; row++) {
            words[0] = x[0];
            words[1] = x[2 * map->channels];
            words[2] = x[map->channels];
            words[3] = x[3 * map->channels];
            *fifth++ = x[4 * map->channels];
            words += 4;
            x += 5 * map->channels;
        }
    }
}
