/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels_dsp.h"

static inline void fill_slot(int8_t *plane, int32_t slots, int32_t slot, uint32_t padding)
{
    memcpy(plane + 4 * slot, &padding, sizeof padding);
    plane[4 * slots + slot] = (int8_t)(padding & 0xffu);
}

void tp_pad_five_dsp(int8_t *map, int32_t channels, int32_t slots, int32_t first, int32_t height, int32_t zero_point)
{
    const uint32_t padding = ((uint32_t)zero_point & 0xffu) * UINT32_C(0x01010101);
    for (; channels > 0; channels--) {
        fill_slot(map, slots, first - 1, padding);
        fill_slot(map, slots, first + height, padding);
        map += 5 * slots;
    }
}
