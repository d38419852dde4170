/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#define TOGETHER 16 /* bytes that are loaded and added at a time */
#define SIGNS UINT32_C(0x80808080) /* takes bytes from -128..127 to 0..255 */

static inline uint32_t unsigned_word(const int8_t *x)
{
    uint32_t word;
    memcpy(&word, x, sizeof word);
    return word ^ SIGNS;
}

#if TP_DSP

/* sum + the four bytes of word. */
static inline uint32_t add_word(uint32_t word, uint32_t sum)
{
    __asm__("usada8 %0, %1, %2, %0" : "+r"(sum) : "r"(word), "r"(0));
    return sum;
}

/* sum + the bytes at x, as 0..255. */
static inline uint32_t add_bytes(const int8_t *x, uint32_t sum)
{
    uint32_t a, b, c, d;
    __asm__("ldr %0, [%5]\n\t"
            "ldr %1, [%5, #4]\n\t"
            "ldr %2, [%5, #8]\n\t"
            "ldr %3, [%5, #12]\n\t"
            "eor %0, %0, %6\n\t"
            "eor %1, %1, %6\n\t"
            "eor %2, %2, %6\n\t"
            "eor %3, %3, %6\n\t"
            "usada8 %4, %0, %7, %4\n\t"
            "usada8 %4, %1, %7, %4\n\t"
            "usada8 %4, %2, %7, %4\n\t"
            "usada8 %4, %3, %7, %4"
            : "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d), "+&r"(sum)
            : "r"(x), "r"(SIGNS), "r"(0), "m"(*(const int8_t(*)[TOGETHER])x));
    return sum;
}

#else

static inline uint32_t add_word(uint32_t word, uint32_t sum)
{
    return sum + (word & 0xffu) + (word >> 8 & 0xffu) + (word >> 16 & 0xffu) + (word >> 24);
}

static inline uint32_t add_bytes(const int8_t *x, uint32_t sum)
{
    for (int32_t i = 0; i < TOGETHER; i += 4) {
        sum = add_word(unsigned_word(x + i), sum);
    }
    return sum;
}

#endif

/* Of bytes that have three others before them, where they are no multiple of four. */
static int32_t sum_of(const int8_t *x, int32_t count)
{
    uint32_t sum = 0;
    int32_t together = count / TOGETHER, words = count % TOGETHER / 4;
    const int32_t left = count % 4;
    if (together > 0) {
        do {
            sum = add_bytes(x, sum);
            x += TOGETHER;
        } while (--together != 0);
    }
    if (words > 0) {
        do {
            sum = add_word(unsigned_word(x), sum);
            x += 4;
        } while (--words != 0);
    }
    if (left > 0) { /* the upper bytes of the word that ends with the last one */
        sum = add_word(unsigned_word(x + left - 4) >> (4 - left) * 8, sum);
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
