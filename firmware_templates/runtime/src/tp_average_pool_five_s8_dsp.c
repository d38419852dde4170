/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#if TP_DSP

/* sum + the four bytes of x, unsigned. */
static inline uint32_t add_bytes(uint32_t x, uint32_t sum)
{
    uint32_t result;
    __asm__("usada8 %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(0), "r"(sum));
    return result;
}

#else

static inline uint32_t add_bytes(uint32_t x, uint32_t sum)
{
    return sum + (x & 0xffu) + (x >> 8 & 0xffu) + (x >> 16 & 0xffu) + (x >> 24);
}

#endif

static inline uint32_t load(const int8_t *x)
{
    uint32_t word;
    memcpy(&word, x, sizeof word);
    return word ^ UINT32_C(0x80808080); /* bytes from -128..127 to 0..255 */
}

static int32_t sum_of(const int8_t *x, int32_t count)
{
    uint32_t sum = 0;
    int32_t left = count;
    for (; left >= 16; left -= 16) {
        sum = add_bytes(load(x), sum);
        sum = add_bytes(load(x + 4), sum);
        sum = add_bytes(load(x + 8), sum);
        sum = add_bytes(load(x + 12), sum);
        x += 16;
    }
    for (; left >= 4; left -= 4) {
        sum = add_bytes(load(x), sum);
        x += 4;
    }
    for (; left > 0; left--) {
        sum += (uint32_t)(*x++ + 128);
    }
    return (int32_t)sum - 128 * count;
}

void tp_average_pool_five_s8_dsp(const tp_layer *layer, const tp_five_map *map, const int8_t *input, int8_t *output)
{
    const int32_t height = layer->in_height, count = 5 * height, first = map->first;
    for (int32_t channel = 0; channel < layer->in_channels; channel++) {
        const int32_t sum = sum_of(input + 4 * first, 4 * height) + sum_of(input + 4 * map->slots + first, height);
        int32_t mean = (sum < 0 ? sum - count / 2 : sum + count / 2) / count;
        mean = mean < layer->activation_min ? layer->activation_min : mean;
        *output++ = (int8_t)(mean > layer->activation_max ? layer->activation_max : mean);
        input += 5 * map->slots;
    }
}
