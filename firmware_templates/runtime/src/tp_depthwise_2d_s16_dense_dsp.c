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

/* What the kernel covers of the map: taps of a row, bytes from one to the next, bytes from a row's end to the next row's
 * start, in the map and in the weights, and bytes of the weights from the first tap to behind the last row's jump. */
typedef struct area {
    int32_t taps, step, x_jump, w_jump, w_bytes;
} area;

#if TP_DSP && defined(__OPTIMIZE__)

/* acc + the weights of four channels . those of the map; x and w are at the first of at least one tap. In assembly as a whole,
 * as compilers run out of registers. */
TP_INLINE quad dot(const int16_t *x, const uint32_t *w, const area *area, quad acc)
{
    const struct {
        int32_t taps, x_jump, w_jump;
        const char *end;
    } rows = {area->taps, area->x_jump, area->w_jump, (const char *)(const void *)w + area->w_bytes};
    uint32_t taps, p, q, raw, pair;
    __asm__ volatile("1:\n\t"
                     "ldr %[taps], [%[rows]]\n"
                     "2:\n\t"
                     "ldr %[p], [%[x]]\n\t"
                     "ldr %[q], [%[x], #4]\n\t"
                     "ldr %[raw], [%[w]], #4\n\t"
                     "add %[x], %[x], %[step]\n\t"
                     "sxtb16 %[pair], %[raw]\n\t"
                     "sxtb16 %[raw], %[raw], ror #8\n\t"
                     "smlabb %[c0], %[p], %[pair], %[c0]\n\t"
                     "smlatb %[c1], %[p], %[raw], %[c1]\n\t"
                     "smlabt %[c2], %[q], %[pair], %[c2]\n\t"
                     "smlatt %[c3], %[q], %[raw], %[c3]\n\t"
                     "subs %[taps], %[taps], #1\n\t"
                     "bne 2b\n\t"
                     "ldr %[p], [%[rows], #4]\n\t"
                     "ldr %[q], [%[rows], #8]\n\t"
                     "ldr %[raw], [%[rows], #12]\n\t"
                     "add %[x], %[x], %[p]\n\t"
                     "add %[w], %[w], %[q]\n\t"
                     "cmp %[w], %[raw]\n\t"
                     "bne 1b"
                     : [x] "+&r"(x), [w] "+&r"(w), [taps] "=&r"(taps), [c0] "+&r"(acc.c0), [c1] "+&r"(acc.c1),
                       [c2] "+&r"(acc.c2), [c3] "+&r"(acc.c3), [p] "=&r"(p), [q] "=&r"(q), [raw] "=&r"(raw),
                       [pair] "=&r"(pair)
                     : [step] "r"(area->step), [rows] "r"(&rows)
                     : "cc", "memory");
    return acc;
}

#else

static inline quad dot(const int16_t *x, const uint32_t *w, const area *area, quad acc)
{
    for (int32_t done = 0; done != area->w_bytes; done += 4 * area->taps + area->w_jump) {
        const uint32_t *four = w + done / 4;
        for (int32_t tap = 0; tap < area->taps; tap++) {
            uint32_t two[2];
            memcpy(two, x, sizeof two);
            const uint32_t even = tp_sxtb16(*four), odd = tp_sxtb16_ror8(*four);
            acc.c0 = tp_smlabb(two[0], even, acc.c0);
            acc.c1 = tp_smlatb(two[0], odd, acc.c1);
            acc.c2 = tp_smlabt(two[1], even, acc.c2);
            acc.c3 = tp_smlatt(two[1], odd, acc.c3);
            x += area->step / 2;
            four++;
        }
        x += area->x_jump / 2;
    }
    return acc;
}

#endif

/* All channels of the pixel whose kernel begins at (top, left) of the map. */
TP_NOINLINE void one_pixel(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels, const int16_t *input,
                      int32_t top, int32_t left, int16_t *output)
{
    const span rows = inside(top, layer->kernel_height, layer->dilation_height, layer->in_height);
    const span columns = inside(left, layer->kernel_width, layer->dilation_width, layer->in_width);
    const int32_t count = layer->in_channels, taps = columns.end - columns.first, height = rows.end - rows.first;
    const int32_t step = layer->dilation_width * count, row = layer->dilation_height * layer->in_width * count;
    const area under = {taps, 2 * step, 2 * (row - taps * step), 4 * (layer->kernel_width - taps),
                        4 * height * layer->kernel_width};
    const int is_empty = taps <= 0 || height <= 0;
    const int32_t origin = (top * layer->in_width + left) * count; /* outside of the map, perhaps */
    const int16_t *x = is_empty ? input : input + (origin + rows.first * row + columns.first * step);
    const uint32_t *w = weights + rows.first * layer->kernel_width + columns.first;
    const tp_channel *const end = channels + count;
    const tp_bounds bounds = tp_bounds_of(layer);
    for (; channels != end; channels += CHANNELS) {
        quad acc = {channels[0].bias, channels[1].bias, channels[2].bias, channels[3].bias};
        if (!is_empty) {
            acc = dot(x, w, &under, acc);
        }
        *output++ = tp_output_s16(acc.c0, &channels[0], bounds);
        *output++ = tp_output_s16(acc.c1, &channels[1], bounds);
        *output++ = tp_output_s16(acc.c2, &channels[2], bounds);
        *output++ = tp_output_s16(acc.c3, &channels[3], bounds);
        x += CHANNELS;
        w += layer->kernel_height * layer->kernel_width;
    }
}

void tp_depthwise_2d_s16_dense_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
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
