/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Output channels of a pixel, several at a time: an activation is loaded once for all of their weights. */
#ifndef TP_PIXEL_H
#define TP_PIXEL_H

#include "tp_armv6m.h"
#include "tp_dot.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

#define TP_TOGETHER 4

/* acc[i] += weights[i * stride + taps] . x[taps] for TP_TOGETHER i. */
#if defined(__ARM_ARCH_7M__) && defined(__GNUC__)

#define TP_FOUR_TAP               \
    "ldrsb r8, [r1], #1\n\t"      \
    "ldrsb r9, [r0, r2]\n\t"      \
    "ldrsb r10, [r0, r2, lsl #1]\n\t" \
    "ldrsb r11, [r0, lr]\n\t"     \
    "ldrsb r12, [r0], #1\n\t"     \
    "mla r5, r9, r8, r5\n\t"      \
    "mla r6, r10, r8, r6\n\t"     \
    "mla r7, r11, r8, r7\n\t"     \
    "mla r4, r12, r8, r4\n\t"

/* In assembly: 16 multiplications in 60 cycles of a Cortex-M3. r0 and r1 are weights and x, r2 the stride, lr three of them, r3 the
 * end of x in whole fours of taps and then of all, r4 to r7 the sums. */
__attribute__((naked, noinline)) static void tp_dot_together(__attribute__((unused)) const int8_t *weights,
                                                             __attribute__((unused)) const int8_t *x,
                                                             __attribute__((unused)) int32_t stride,
                                                             __attribute__((unused)) int32_t taps,
                                                             __attribute__((unused)) int32_t acc[TP_TOGETHER])
{
    __asm__ volatile(
        "push {r3-r11, lr}\n\t"
        "ldr r12, [sp, #40]\n\t"
        "ldm r12, {r4-r7}\n\t"
        "bic r3, r3, #3\n\t"
        "add r3, r3, r1\n\t"
        "add lr, r2, r2, lsl #1\n\t"
        "cmp r1, r3\n\t"
        "beq 2f\n\t"
        "1:\n\t"
        TP_FOUR_TAP TP_FOUR_TAP TP_FOUR_TAP TP_FOUR_TAP
        "cmp r1, r3\n\t"
        "bne 1b\n\t"
        "2:\n\t"
        "ldr r12, [sp]\n\t"
        "ands r12, r12, #3\n\t"
        "beq 4f\n\t"
        "add r3, r3, r12\n\t"
        "3:\n\t"
        TP_FOUR_TAP
        "cmp r1, r3\n\t"
        "bne 3b\n\t"
        "4:\n\t"
        "ldr r12, [sp, #40]\n\t"
        "stm r12, {r4-r7}\n\t"
        "pop {r3-r11, pc}");
}

#undef TP_FOUR_TAP

#elif defined(__ARM_ARCH_6M__) && defined(__GNUC__)

#define TP_FOUR_TAP          \
    "ldrsb r5, [r7, r4]\n\t" \
    "ldrsb r6, [r0, r4]\n\t" \
    "muls r6, r5, r6\n\t"    \
    "add r8, r6\n\t"         \
    "ldrsb r6, [r1, r4]\n\t" \
    "muls r6, r5, r6\n\t"    \
    "add r9, r6\n\t"         \
    "ldrsb r6, [r2, r4]\n\t" \
    "muls r6, r5, r6\n\t"    \
    "add r10, r6\n\t"        \
    "ldrsb r6, [r3, r4]\n\t" \
    "muls r6, r5, r6\n\t"    \
    "add r11, r6\n\t"        \
    "adds r4, #1\n\t"

/* In assembly, as compilers do not keep the sums in the upper registers: 16 multiplications in 79 cycles of a Cortex-M0+. r0 to r3
 * are the weights of each channel, r7 is x, r4 the tap, r8 to r11 are the sums, r12 is the number of taps in whole fours, lr of all. */
__attribute__((naked, noinline)) static void tp_dot_together(__attribute__((unused)) const int8_t *weights,
                                                             __attribute__((unused)) const int8_t *x,
                                                             __attribute__((unused)) int32_t stride,
                                                             __attribute__((unused)) int32_t taps,
                                                             __attribute__((unused)) int32_t acc[TP_TOGETHER])
{
    __asm__ volatile(
        TP_ENTER
        "mov lr, r3\n\t"
        "movs r4, #3\n\t"
        "bics r3, r4\n\t"
        "mov r12, r3\n\t"
        "ldr r3, [sp, #40]\n\t"
        "ldmia r3!, {r4-r7}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "mov r7, r1\n\t"
        "adds r1, r0, r2\n\t"
        "adds r3, r1, r2\n\t"
        "adds r3, r3, r2\n\t"
        "adds r2, r1, r2\n\t"
        "movs r4, #0\n\t"
        "cmp r4, r12\n\t"
        "beq 2f\n\t"
        "1:\n\t"
        TP_FOUR_TAP TP_FOUR_TAP TP_FOUR_TAP TP_FOUR_TAP
        "cmp r4, r12\n\t"
        "bne 1b\n\t"
        "2:\n\t"
        "cmp r4, lr\n\t"
        "beq 3f\n\t"
        TP_FOUR_TAP
        "b 2b\n\t"
        "3:\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "ldr r3, [sp, #40]\n\t"
        "stmia r3!, {r4-r7}\n\t"
        TP_LEAVE);
}

#undef TP_FOUR_TAP

#else

static inline void tp_dot_together(const int8_t *weights, const int8_t *x, int32_t stride, int32_t taps, int32_t acc[TP_TOGETHER])
{
    for (int32_t i = 0; i < TP_TOGETHER; i++) {
        acc[i] = tp_dot(weights + i * stride, x, taps, acc[i]);
    }
}

#endif

/* TP_TOGETHER output channels of a pixel. */
static inline void tp_put_together(tp_range range, const int8_t *weights, const tp_channel *channels, const int8_t *x,
                                   int32_t taps, int8_t *output)
{
    int32_t acc[TP_TOGETHER];
    for (int32_t i = 0; i < TP_TOGETHER; i++) {
        acc[i] = channels[i].bias;
    }
    tp_dot_together(weights, x, taps, taps, acc);
    for (int32_t i = 0; i < TP_TOGETHER; i++) {
        output[i] = tp_output_within(range, acc[i], &channels[i]);
    }
}

/* All output channels of a pixel. Of the last ones, more than one, as many as go together and end there are computed, some once
 * more. */
static inline void tp_put_pixel(const tp_layer *layer, const int8_t *weights, const tp_channel *channels, const int8_t *x,
                                int32_t taps, int8_t *output)
{
    const int32_t all = layer->out_channels;
    const tp_range range = tp_range_of(layer);
    int32_t o = 0;
    while (o < all) {
        const int32_t left = all - o;
        if (left == 1 || all < TP_TOGETHER) {
            output[o] = tp_output_within(range, tp_dot(weights + o * taps, x, taps, channels[o].bias), &channels[o]);
            o++;
        } else {
            o = left < TP_TOGETHER ? all - TP_TOGETHER : o;
            tp_put_together(range, weights + o * taps, channels + o, x, taps, output + o);
            o += TP_TOGETHER;
        }
    }
}

#endif
