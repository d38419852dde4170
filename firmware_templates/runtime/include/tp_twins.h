/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Weights of two output channels in one word: how activations of two pixels are expanded for them, and in C what
 * tp_one_pixel_s8_twins_dsp and tp_two_pixels_s8_twins_dsp compute. */
#ifndef TP_TWINS_H
#define TP_TWINS_H

#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

/* Whether sums below 0 become -128 however they round, and a pixel's channels lie side by side. */
static inline int32_t tp_twins_plain(const tp_duos *layer)
{
    return layer->channel_step == 1 && layer->window && layer->window->output_zero_point == -128;
}

#if TP_DSP

/* Four taps of both: from x and y, which move on, to `pairs`, which does too. Uses r5 to r8. */
#define TP_EXPAND_TWO(x, y, pairs)           \
    "ldr r6, [" y "], #4\n\t"                \
    "ldr r5, [" x "], #4\n\t"                \
    "sxtb16 r8, r6, ror #8\n\t"             \
    "sxtb16 r7, r5, ror #8\n\t"             \
    "sxtb16 r6, r6\n\t"                     \
    "sxtb16 r5, r5\n\t"                     \
    "stm " pairs "!, {r5-r8}\n\t"

/* Pieces of an odd number of groups: r9 is how many there are, r10 how many of a piece, r11 bytes from a piece's last four taps or
 * two to the next piece, r3 and r4 are the pixels and r2 is where their pairs go. Uses r5 to r8 and r12, labels 16 to 18. */
#define TP_EXPAND_ODD_PIECES                 \
    "16:\n\t"                                \
    "bics r12, r10, #1\n\t"                  \
    "add r12, r2, r12, lsl #3\n\t"           \
    "beq 18f\n\t"                            \
    "17:\n\t"                                \
    TP_EXPAND_TWO("r3", "r4", "r2")          \
    "cmp r2, r12\n\t"                        \
    "bne 17b\n\t"                            \
    "18:\n\t"                                \
    "ldr r5, [r3]\n\t"                       \
    "ldr r6, [r4]\n\t"                       \
    "add r3, r3, r11\n\t"                    \
    "add r4, r4, r11\n\t"                    \
    "sxtb16 r5, r5\n\t"                      \
    "sxtb16 r6, r6\n\t"                      \
    "stm r2!, {r5, r6}\n\t"                  \
    "subs r9, r9, r10\n\t"                   \
    "bgt 16b\n\t"

#else

/* Groups of two pixels, in pieces. */
static inline void tp_expand_two(const int8_t *x, const int8_t *y, int32_t groups, int32_t piece_groups, int32_t piece_step,
                                 uint32_t *pairs)
{
    for (int32_t group = 0; group < groups; group++) {
        const int32_t in_piece = group % piece_groups, at = group / piece_groups * piece_step + in_piece / 2 * 4;
        uint32_t first, second;
        memcpy(&first, x + at, sizeof first);
        memcpy(&second, y + at, sizeof second);
        *pairs++ = in_piece % 2 ? tp_sxtb16_ror8(first) : tp_sxtb16(first);
        *pairs++ = in_piece % 2 ? tp_sxtb16_ror8(second) : tp_sxtb16(second);
    }
}

/* Words of two channels at a time, with weights of both; outputs are theirs in all pixels. */
static inline void tp_twins_channels(const tp_twins *job, int32_t pixels, const uint32_t *weights, const uint32_t *numbers,
                              uint32_t both, uint32_t first, int8_t *output)
{
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        uint32_t sum = both, sum_of_first = first;
        for (int32_t i = 0; i < job->groups; i++) {
            const uint32_t x = job->expanded[i * pixels + pixel], w = weights[2 * i];
            sum += (uint32_t)tp_smlad(x, w, 0);
            sum_of_first += (uint32_t)tp_smlad(x, tp_sxtb16(w), 0);
        }
        const int32_t doubled[] = {(int32_t)(2 * sum_of_first), (int32_t)(sum - sum_of_first) >> 7};
        int8_t *const place = output + pixel * job->to;
        for (int32_t c = 0; c < 2; c++) {
            const uint32_t *const n = numbers + 3 * c;
            const int32_t x = tp_smmlar(doubled[c], (int32_t)n[0], (int32_t)n[1]) + (doubled[c] >> 31);
            place[c * job->channel_step] = (int8_t)tp_ssat8(x >> n[2]);
        }
    }
}

static inline void tp_twins_pixels(const tp_twins *job, int32_t pixels)
{
    const uint32_t *weights = job->weights;
    int8_t *output = job->output;
    for (int32_t four = 0; four < job->fours; four++) {
        const uint32_t *const numbers = weights + 4 + 2 * job->groups;
        tp_twins_channels(job, pixels, weights + 4, numbers, weights[0], weights[1], output);
        tp_twins_channels(job, pixels, weights + 5, numbers + 6, weights[2], weights[3], output + 2 * job->channel_step);
        weights = numbers + 12;
        output += 4 * job->channel_step;
    }
}

#endif
#endif
