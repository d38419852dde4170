/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_halves_four.h"
#include "tp_kernels.h"
#include "tp_loops.h"
#include "tp_patch.h"

enum {
    MIDDLE = TP_MIDDLE,
    FEW_TAPS = 256, /* up to these, four pixels are worth their memory: rounding takes a share that they have in common */
};

/* Two pixels' activations under a tap as first + 65536 * second: one multiplication serves both. */
static void join(const int8_t *first, const int8_t *second, int32_t taps, uint32_t *pairs)
{
    for (int32_t i = 0; i < taps; i++) {
        pairs[i] = (uint32_t)first[i] + ((uint32_t)second[i] << 16);
    }
}

/* What a channel's weights make of both pixels: `both` is first + 65536 * second and MIDDLE for each step, `second` alone. */
typedef struct {
    uint32_t both;
    int32_t second;
} sums;

/* Adds what one or two taps make. MIDDLE keeps the first pixel's part, less than it whatever the signs, from borrowing. */
static inline sums add(sums acc, uint32_t step)
{
    acc.both += step;
    acc.second += (int32_t)step >> 16;
    return acc;
}

/* Adds what an even number of taps, above 0, makes of the weights at `a` and at `b`. In assembly two steps follow each other; with
 * an odd number of them the second begins. */
#define PARAMETERS                                                                                              \
    (__attribute__((unused)) const int8_t *a, __attribute__((unused)) const int8_t *b,                          \
     __attribute__((unused)) const uint32_t *x, __attribute__((unused)) int32_t taps,                           \
     __attribute__((unused)) sums acc[2])

#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__)

#define STEP                          \
    "ldr r10, [r2, #4]\n\t"           \
    "ldr r9, [r2], #8\n\t"            \
    "ldrsb r12, [r0, #1]\n\t"         \
    "ldrsb lr, [r1, #1]\n\t"          \
    "ldrsb r11, [r0], #2\n\t"         \
    "mla r12, r12, r10, r8\n\t"       \
    "mla lr, lr, r10, r8\n\t"         \
    "mla r12, r11, r9, r12\n\t"       \
    "ldrsb r11, [r1], #2\n\t"         \
    "add r4, r4, r12\n\t"             \
    "add r5, r5, r12, asr #16\n\t"    \
    "mla lr, r11, r9, lr\n\t"         \
    "add r6, r6, lr\n\t"              \
    "add r7, r7, lr, asr #16\n\t"

/* 16 multiplications in 43 cycles of a Cortex-M3, for which loads stand back to back. r0 to r2 are the arguments, r3 the end of x,
 * r4 to r7 the sums, r8 MIDDLE, r9 and r10 activations, r11, r12 and lr weights. */
__attribute__((naked, noinline)) static void multiply_twos PARAMETERS
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldr r12, [sp, #36]\n\t"
        "ldm r12, {r4-r7}\n\t"
        "tst r3, #2\n\t"
        "add r3, r2, r3, lsl #2\n\t"
        "movw r8, #0x8000\n\t"
        "bne 2f\n\t"
        "1:\n\t" STEP
        "2:\n\t" STEP
        "cmp r2, r3\n\t"
        "bne 1b\n\t"
        "ldr r12, [sp, #36]\n\t"
        "stm r12, {r4-r7}\n\t"
        "pop {r4-r11, pc}");
}

#undef STEP

#elif defined(__ARM_ARCH_6M__)

#define STEP                   \
    "ldmia r2!, {r4, r5}\n\t"  \
    "ldrsb r6, [r0, r3]\n\t"   \
    "muls r6, r4, r6\n\t"      \
    "ldrsb r7, [r1, r3]\n\t"   \
    "muls r4, r7, r4\n\t"      \
    "adds r3, #1\n\t"          \
    "ldrsb r7, [r0, r3]\n\t"   \
    "muls r7, r5, r7\n\t"      \
    "adds r6, r6, r7\n\t"      \
    "add r6, lr\n\t"           \
    "add r8, r6\n\t"           \
    "asrs r6, r6, #16\n\t"     \
    "add r9, r6\n\t"           \
    "ldrsb r7, [r1, r3]\n\t"   \
    "muls r7, r5, r7\n\t"      \
    "adds r4, r4, r7\n\t"      \
    "add r4, lr\n\t"           \
    "add r10, r4\n\t"          \
    "asrs r4, r4, #16\n\t"     \
    "add r11, r4\n\t"          \
    "adds r3, #1\n\t"

/* 16 multiplications in 57 cycles of a Cortex-M0+; compilers do not keep the sums in the upper registers. r0 to r2 are the
 * arguments, r3 the tap, r4 to r7 activations and products, r8 to r11 the sums, r12 the end of x, lr MIDDLE. */
__attribute__((naked, noinline)) static void multiply_twos PARAMETERS
{
    __asm__ volatile(
        ".syntax unified\n\t" /* GCC has the old one for this core */
        "push {r4-r7, lr}\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "push {r4-r7}\n\t"
        "lsls r4, r3, #2\n\t"
        "adds r4, r4, r2\n\t"
        "mov r12, r4\n\t"
        "movs r4, #1\n\t"
        "lsls r4, r4, #15\n\t"
        "mov lr, r4\n\t"
        "ldr r4, [sp, #36]\n\t"
        "ldmia r4, {r4-r7}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "lsrs r4, r3, #2\n\t" /* carry: an odd number of steps */
        "movs r3, #0\n\t"
        "bcs 2f\n\t"
        "1:\n\t" STEP
        "2:\n\t" STEP
        "cmp r2, r12\n\t"
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

#undef STEP

#else

static inline void multiply_twos PARAMETERS
{
    for (int32_t i = 0; i < taps; i += 2) {
        acc[0] = add(acc[0], (uint32_t)a[i + 1] * x[i + 1] + ((uint32_t)a[i] * x[i] + MIDDLE));
        acc[1] = add(acc[1], (uint32_t)b[i + 1] * x[i + 1] + ((uint32_t)b[i] * x[i] + MIDDLE));
    }
}

#endif

#undef PARAMETERS

/* Of all taps. */
static void multiply(const int8_t *a, const int8_t *b, const uint32_t *x, int32_t taps, sums acc[2])
{
    const int32_t even = taps & ~1;
    acc[0] = acc[1] = (sums){0, 0};
    if (even > 0) {
        multiply_twos(a, b, x, even, acc);
    }
    if (even < taps) {
        acc[0] = add(acc[0], (uint32_t)a[even] * x[even] + MIDDLE);
        acc[1] = add(acc[1], (uint32_t)b[even] * x[even] + MIDDLE);
    }
}

/* The accumulator of the first of two pixels; that of the second is the bias and acc.second. */
static inline int32_t first_of(sums acc, int32_t taps, int32_t bias)
{
    return bias + (int32_t)(acc.both - ((uint32_t)acc.second << 16) - (uint32_t)((taps + 1) / 2) * MIDDLE);
}

/* `pixels` (1 or 2) outputs of one channel. */
static void put(sums acc, int32_t taps, const tp_channel *channel, const tp_layer *layer, int32_t pixels, int8_t *output)
{
    output[0] = tp_output(first_of(acc, taps, channel->bias), channel, layer);
    if (pixels == 2) {
        output[layer->out_channels] = tp_output(channel->bias + acc.second, channel, layer);
    }
}

/* All channels of `pixels` (1 or 2) pixels. */
TP_NOINLINE void two_pixels(const tp_layer *layer, const int8_t *weights, const tp_channel *channels, const uint32_t *pairs,
                            int32_t taps, int32_t pixels, int8_t *output)
{
    for (int32_t left = layer->out_channels; left > 0; left -= 2) {
        sums acc[2];
        multiply(weights, weights + (left > 1 ? taps : 0), pairs, taps, acc);
        for (int32_t i = 0; i < 2 && i < left; i++) {
            put(acc[i], taps, channels++, layer, pixels, output++);
        }
        weights += 2 * taps;
    }
}

/* Two pixels at a time. */
static void by_two(const tp_layer *layer, const int8_t *weights, const tp_channel *channels, const int8_t *input, int32_t taps,
                   int8_t *output, uint32_t *pairs)
{
    const int32_t all = layer->out_height * layer->out_width;
    int8_t *const patches = (int8_t *)(pairs + taps);
    for (int32_t first = 0; first < all; first += 2) {
        const int32_t pixels = all - first < 2 ? 1 : 2;
        const int8_t *const x0 = tp_patch_of(layer, input, first, patches);
        const int8_t *const x1 = pixels == 2 ? tp_patch_of(layer, input, first + 1, patches + taps) : x0;
        join(x0, x1, taps, pairs);
        two_pixels(layer, weights, channels, pairs, taps, pixels, output + first * layer->out_channels);
    }
}

void tp_conv_2d_s8_halves_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                            const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    const int32_t pixels = layer->out_height * layer->out_width;
    uint32_t *const expanded = scratch;
    int8_t *const patches = (int8_t *)(expanded + 2 * taps);
    const tp_sums now = {weights, expanded, taps, channels, 0, 0, (taps + 1) / 2 * MIDDLE};
    if (pixels < TP_PIXELS || taps > FEW_TAPS) {
        by_two(layer, weights, channels, input, taps, output, scratch);
        return;
    }
    for (int32_t next = 0; next < pixels; next += TP_PIXELS) {
        const int32_t first = tp_first_of_four(next, pixels);
        tp_put_four_pixels(layer, now, tp_sums_of_halves, input, first, taps, expanded, patches, output);
    }
}
