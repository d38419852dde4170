/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#define TOGETHER 8 /* bytes that are loaded and added at a time */

#if TP_DSP

#define SIGNS UINT32_C(0x80808080) /* takes bytes from -128..127 to 0..255 */

/* sum + the eight bytes at x, as 0..255. */
static inline uint32_t add_bytes(const int8_t *x, uint32_t sum)
{
    uint32_t a, b;
    __asm__("ldr %0, [%3]\n\t"
            "ldr %1, [%3, #4]\n\t"
            "eor %0, %0, %4\n\t"
            "eor %1, %1, %4\n\t"
            "usada8 %2, %0, %5, %2\n\t"
            "usada8 %2, %1, %5, %2"
            : "=&r"(a), "=&r"(b), "+r"(sum)
            : "r"(x), "r"(SIGNS), "r"(0), "m"(*(const int8_t(*)[TOGETHER])x));
    return sum;
}

#else

static inline uint32_t add_bytes(const int8_t *x, uint32_t sum)
{
    for (int32_t i = 0; i < TOGETHER; i++) {
        sum += (uint32_t)(x[i] + 128);
    }
    return sum;
}

#endif

static int32_t sum_of(const int8_t *x, int32_t count)
{
    uint32_t sum = 0;
    int32_t together = count / TOGETHER, left = count % TOGETHER;
    if (together > 0) {
        do {
            sum = add_bytes(x, sum);
            x += TOGETHER;
        } while (--together != 0);
    }
    while (--left >= 0) {
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
