/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Convolutions of four pixels at a time, two in a word, for cores without DSP instructions: w * (x0 + 65536 * x1) multiplies both.
 * What two weights make fits the halves, as long as they are not both -128. */
#ifndef TP_FOUR_PIXELS_H
#define TP_FOUR_PIXELS_H

#include "tp_armv6m.h"
#include "tp_kernels.h"
#include "tp_loops.h"
#include "tp_patch.h"
#include "tp_several.h"

enum {
    TP_PIXELS = TP_SEVERAL,
    TP_MIDDLE = 0x8000,
    TP_CHANNELS = 8, /* whose sums are kept before they become outputs */
};

/* Channels whose sums are to be made. All are words, in an order that assembly knows. */
typedef struct {
    const void *weights;
    const uint32_t *expanded; /* [taps][2] */
    int32_t count;            /* of what the weights of a channel have */
    const tp_channel *channels;
    int32_t *acc, *end; /* [TP_CHANNELS][TP_PIXELS], and where to stop */
    int32_t middles;    /* TP_MIDDLE, as often as a sum takes it */
} tp_sums;

/* acc[c] = channel c's bias and weights . expanded, for four pixels; moves on to the channels behind.
 *
 * Of two pixels, `both` adds up first + 65536 * second + TP_MIDDLE of every two weights, `second` the second alone: TP_MIDDLE keeps
 * the first pixel's part, less than it whatever the signs, from borrowing. */
typedef void tp_make_sums(tp_sums *now);

#if defined(__ARM_ARCH_6M__)

/* How the sums of a channel begin, in r8 to r11, and where they go. r7 is the task, r0 where the weights end, r1 to r5 are at work. */
#define TP_FIRST_SUMS               \
    "ldr r2, [r7, #12]\n\t"         \
    "ldr r3, [r7, #24]\n\t"         \
    "ldr r5, [r2]\n\t"              \
    "adds r2, #12\n\t"              \
    "str r2, [r7, #12]\n\t"         \
    "lsls r4, r5, #16\n\t"          \
    "adds r4, r4, r5\n\t"           \
    "subs r4, r4, r3\n\t"           \
    "mov r8, r4\n\t"                \
    "mov r9, r5\n\t"                \
    "mov r10, r4\n\t"               \
    "mov r11, r5\n\t"
#define TP_KEEP_SUMS                \
    "str r0, [r7]\n\t"              \
    "mov r2, r8\n\t"                \
    "mov r3, r9\n\t"                \
    "mov r4, r10\n\t"               \
    "mov r5, r11\n\t"               \
    "lsls r1, r3, #16\n\t"          \
    "subs r2, r2, r1\n\t"           \
    "lsls r1, r5, #16\n\t"          \
    "subs r4, r4, r1\n\t"           \
    "ldr r1, [r7, #16]\n\t"         \
    "stmia r1!, {r2-r5}\n\t"        \
    "str r1, [r7, #16]\n\t"         \
    "ldr r2, [r7, #20]\n\t"         \
    "cmp r1, r2\n\t"

#endif

/* Two pixels' taps into their column of [taps][2]. */
static void tp_expand_two(const int8_t *x0, const int8_t *x1, int32_t taps, uint32_t *expanded)
{
    for (int32_t i = 0; i < taps; i++) {
        *expanded = (uint32_t)*x1++ * 65536u + (uint32_t)*x0++;
        expanded += 2;
    }
}

/* All output channels of four pixels that lie behind each other, the first of them number `first`; patches [TP_PIXELS][taps]. */
TP_INLINE void tp_put_four_pixels(const tp_layer *layer, tp_sums now, tp_make_sums *make, const int8_t *input, int32_t first,
                                  int32_t taps, uint32_t *expanded, int8_t *patches, int8_t *output)
{
    const tp_range range = tp_range_of(layer);
    const int32_t step = layer->out_channels, weights = now.middles / TP_MIDDLE * 2;
    const int8_t *x[TP_PIXELS];
    int32_t acc[TP_CHANNELS][TP_PIXELS];
    for (int32_t i = 0; i < TP_PIXELS; i++) {
        x[i] = tp_patch_of(layer, input, first + i, patches + i * taps);
    }
    tp_expand_two(x[0], x[1], taps, expanded);
    tp_expand_two(x[2], x[3], taps, expanded + 1);
    output += first * step;
    for (int32_t left = step; left > 0; left -= TP_CHANNELS) {
        const int32_t count = left < TP_CHANNELS ? left : TP_CHANNELS;
        const tp_channel *const channels = now.channels;
        now.acc = acc[0];
        now.end = acc[count];
        make(&now);
        tp_put_several(&range, channels, count, weights, (const int32_t(*)[TP_PIXELS])acc, output, step);
        output += count;
    }
}

/* Of `pixels` (4 or more) pixels the four from `next` on, or the last four: at the end some are computed again. */
TP_INLINE int32_t tp_first_of_four(int32_t next, int32_t pixels)
{
    return next < pixels - TP_PIXELS ? next : pixels - TP_PIXELS;
}

#endif
