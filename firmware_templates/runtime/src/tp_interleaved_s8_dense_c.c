/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_interleaved_s8_dense_c(const tp_relayout *map, const int8_t *input, int8_t *output)
{
    for (int32_t channel = 0; channel < map->channels; channel++) {
        const int8_t *words = input + channel * 5 * map->slots + 4 * map->first;
        const int8_t *fifth = input + channel * 5 * map->slots + 4 * map->slots + map->first;
        int8_t *y = output + channel;
        for (int32_t row = 0; row < map->height; row++) {
            y[0] = words[0];
            y[map->channels] = words[2];
            y[2 * map->channels] = words[1];
            y[3 * map->channels] = words[3];
            y[4 * map->channels] = *fifth++;
            words += 4;
            y += 5 * map->channels;
        }
    }
}
