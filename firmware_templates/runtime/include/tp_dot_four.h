/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Output channels of a pixel, four at a time: an activation is loaded once for four weights. */
#ifndef TP_DOT_FOUR_H
#define TP_DOT_FOUR_H

#include "tp_dot.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

#define TP_FOUR 4

/* acc[i] += weights[i * stride + taps] . x[taps] for four i; taps is a multiple of 4, above 0. */
#if (defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)) && defined(__GNUC__)

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
 * end of x, r4 to r7 the sums. */
__attribute__((naked, noinline)) static void tp_dot_four(__attribute__((unused)) const int8_t *weights,
                                                         __attribute__((unused)) const int8_t *x,
                                                         __attribute__((unused)) int32_t stride,
                                                         __attribute__((unused)) int32_t taps,
                                                         __attribute__((unused)) int32_t acc[TP_FOUR])
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldr r12, [sp, #36]\n\t"
        "ldm r12, {r4-r7}\n\t"
        "add r3, r3, r1\n\t"
        "add lr, r2, r2, lsl #1\n\t"
        "1:\n\t"
        TP_FOUR_TAP TP_FOUR_TAP TP_FOUR_TAP TP_FOUR_TAP
        "cmp r1, r3\n\t"
        "bne 1b\n\t"
        "ldr r12, [sp, #36]\n\t"
        "stm r12, {r4-r7}\n\t"
        "pop {r4-r11, pc}");
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
 * are the weights of each channel, r7 is x, r4 the tap, r8 to r11 are the sums, r12 is the number of taps. */
__attribute__((naked, noinline)) static void tp_dot_four(__attribute__((unused)) const int8_t *weights,
                                                         __attribute__((unused)) const int8_t *x,
                                                         __attribute__((unused)) int32_t stride,
                                                         __attribute__((unused)) int32_t taps,
                                                         __attribute__((unused)) int32_t acc[TP_FOUR])
{
    __asm__ volatile(
        ".syntax unified\n\t" /* GCC has the old one for this core */
        "push {r4-r7, lr}\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "push {r4-r7}\n\t"
        "mov r12, r3\n\t"
        "ldr r3, [sp, #36]\n\t"
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
        "1:\n\t"
        TP_FOUR_TAP TP_FOUR_TAP TP_FOUR_TAP TP_FOUR_TAP
        "cmp r4, r12\n\t"
        "bne 1b\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "ldr r3, [sp, #36]\n\t"
        "stmia r3!, {r4-r7}\n\t"
        "pop {r4-r7}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "pop {r4-r7, pc}");
}

#undef TP_FOUR_TAP

#else

static inline void tp_dot_four(const int8_t *weights, const int8_t *x, int32_t stride, int32_t taps, int32_t acc[TP_FOUR])
{
    const int8_t *const w1 = weights + stride, *const w2 = w1 + stride, *const w3 = w2 + stride;
    int32_t a0 = acc[0], a1 = acc[1], a2 = acc[2], a3 = acc[3];
    for (int32_t i = 0; i < taps; i++) {
        a0 += weights[i] * x[i];
        a1 += w1[i] * x[i];
        a2 += w2[i] * x[i];
        a3 += w3[i] * x[i];
    }
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
}

#endif

/* Four output channels of a pixel. */
static inline void tp_put_four(tp_range range, const int8_t *weights, const tp_channel *channels, const int8_t *x,
                               int32_t taps, int8_t *output)
{
    const int32_t whole = taps & ~3;
    int32_t acc[TP_FOUR] = {channels[0].bias, channels[1].bias, channels[2].bias, channels[3].bias};
    if (whole > 0) {
        tp_dot_four(weights, x, taps, whole, acc);
    }
    for (int32_t i = 0; i < TP_FOUR; i++) {
        const int32_t sum = tp_dot(weights + i * taps + whole, x + whole, taps - whole, acc[i]);
        output[i] = tp_output_within(range, sum, &channels[i]);
    }
}

/* All output channels of a pixel. Of the last ones, two or three, the four that end there are computed, some once more. Few taps
 * are not worth the call. */
static inline void tp_put_pixel(const tp_layer *layer, const int8_t *weights, const tp_channel *channels, const int8_t *x,
                                int32_t taps, int8_t *output)
{
    const int32_t all = layer->out_channels;
    const tp_range range = tp_range_of(layer);
    int32_t o = 0;
    while (o < all) {
        const int32_t left = all - o;
        if (left == 1 || all < TP_FOUR || taps < TP_FOUR) {
            output[o] = tp_output_within(range, tp_dot(weights + o * taps, x, taps, channels[o].bias), &channels[o]);
            o++;
        } else {
            o = left < TP_FOUR ? all - TP_FOUR : o;
            tp_put_four(range, weights + o * taps, channels + o, x, taps, output + o);
            o += TP_FOUR;
        }
    }
}

#endif
