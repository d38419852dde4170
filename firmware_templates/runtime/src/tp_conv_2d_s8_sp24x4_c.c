/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Four pixels at a time, two in a word: w * (x0 + 65536 * x1) multiplies both. The sum of a group's two kept weights fits the
 * halves, and is taken apart from there. */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_patch.h"

#define PIXELS 4

/* Two pixels' taps into their column of [taps][2]. */
static void expand(const int8_t *x0, const int8_t *x1, int32_t taps, uint32_t *expanded)
{
    for (int32_t i = 0; i < taps; i++) {
        *expanded = (uint32_t)*x1++ * 65536u + (uint32_t)*x0++;
        expanded += 2;
    }
}

#if defined(__ARM_ARCH_6M__) && defined(__GNUC__)

/* acc + one channel's weights . expanded. In assembly, as compilers do not keep the sums in the upper registers: 36 cycles a group
 * on a Cortex-M0+. */
__attribute__((naked, noinline)) static void
dot(__attribute__((unused)) const uint32_t *weights, __attribute__((unused)) const uint32_t *end,
    __attribute__((unused)) const uint32_t *expanded, __attribute__((unused)) int32_t acc[PIXELS])
{
    __asm__ volatile(
        ".syntax unified\n\t" /* GCC has the old one for this core */
        "push {r3-r7, lr}\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "push {r4-r7}\n\t"
        "ldmia r3!, {r4-r7}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "mov r12, r1\n\t"
        "mov r1, r2\n\t"
        "1:\n\t"
        "ldmia r0!, {r2}\n\t"
        "lsrs r4, r2, #24\n\t"
        "lsls r5, r2, #8\n\t"
        "lsrs r5, r5, #24\n\t"
        "adds r4, r4, r1\n\t"
        "adds r5, r5, r1\n\t"
        "sxtb r3, r2\n\t"
        "lsls r2, r2, #16\n\t"
        "asrs r2, r2, #24\n\t"
        "ldmia r4!, {r6, r7}\n\t"
        "muls r6, r3, r6\n\t"
        "muls r7, r3, r7\n\t"
        "ldmia r5, {r4, r5}\n\t"
        "muls r4, r2, r4\n\t"
        "muls r5, r2, r5\n\t"
        "adds r4, r4, r6\n\t"
        "adds r5, r5, r7\n\t"
        "sxth r6, r4\n\t"
        "add r8, r6\n\t"
        "subs r4, r4, r6\n\t"
        "asrs r4, r4, #16\n\t"
        "add r9, r4\n\t"
        "sxth r7, r5\n\t"
        "add r10, r7\n\t"
        "subs r5, r5, r7\n\t"
        "asrs r5, r5, #16\n\t"
        "add r11, r5\n\t"
        "adds r1, #32\n\t"
        "cmp r0, r12\n\t"
        "bne 1b\n\t"
        "mov r4, r8\n\t"
        "mov r5, r9\n\t"
        "mov r6, r10\n\t"
        "mov r7, r11\n\t"
        "ldr r3, [sp, #16]\n\t"
        "stmia r3!, {r4-r7}\n\t"
        "pop {r4-r7}\n\t"
        "mov r8, r4\n\t"
        "mov r9, r5\n\t"
        "mov r10, r6\n\t"
        "mov r11, r7\n\t"
        "pop {r3-r7, pc}");
}

#else

/* acc + one channel's weights . expanded */
static inline void dot(const uint32_t *weights, const uint32_t *end, const uint32_t *expanded, int32_t acc[PIXELS])
{
    int32_t p0 = acc[0], p1 = acc[1], p2 = acc[2], p3 = acc[3];
    const char *x = (const char *)expanded;
    do {
        const uint32_t word = *weights++;
        const uint32_t *const x0 = (const uint32_t *)(const void *)(x + (word >> 24));
        const uint32_t *const x1 = (const uint32_t *)(const void *)(x + (word >> 16 & 0xffu));
        const uint32_t w0 = (uint32_t)(int8_t)(word & 0xffu), w1 = (uint32_t)(int8_t)(word >> 8 & 0xffu);
        const uint32_t low = w0 * x0[0] + w1 * x1[0], high = w0 * x0[1] + w1 * x1[1];
        const int32_t sum0 = (int16_t)(low & 0xffffu), sum2 = (int16_t)(high & 0xffffu);
        p0 += sum0;
        p1 += (int32_t)(low - (uint32_t)sum0) >> 16;
        p2 += sum2;
        p3 += (int32_t)(high - (uint32_t)sum2) >> 16;
        x += 4 * 2 * sizeof(uint32_t);
    } while (weights != end);
    acc[0] = p0;
    acc[1] = p1;
    acc[2] = p2;
    acc[3] = p3;
}

#endif

/* All output channels of four pixels, of which output[PIXELS] are the places. */
static void four_pixels(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                        const uint32_t *expanded, int32_t groups, int8_t *const output[PIXELS])
{
    const tp_range range = tp_range_of(layer);
    for (int32_t o = 0; o < layer->out_channels; o++) {
        const int32_t bias = channels->bias;
        int32_t acc[PIXELS] = {bias, bias, bias, bias};
        dot(weights, weights + groups, expanded, acc);
        for (int32_t i = 0; i < PIXELS; i++) {
            output[i][o] = tp_output_within(range, acc[i], channels);
        }
        weights += groups;
        channels++;
    }
}

void tp_conv_2d_s8_sp24x4_c(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                            const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels, groups = (taps + 3) / 4;
    const int32_t last = layer->out_height * layer->out_width - 1;
    const int direct = layer->kernel_height == 1 && layer->kernel_width == 1 && layer->stride_height == 1
                       && layer->stride_width == 1 && layer->out_height == layer->in_height
                       && layer->out_width == layer->in_width;
    uint32_t *const expanded = scratch;
    int8_t *const patches = (int8_t *)(expanded + 4 * 2 * groups);
    memset(expanded, 0, sizeof(uint32_t) * 4 * 2 * (size_t)groups); /* what is behind the taps meets weights 0 */
    for (int32_t first = 0; first <= last; first += PIXELS) {
        int8_t *places[PIXELS];
        const int8_t *taps_of[PIXELS];
        for (int32_t i = 0; i < PIXELS; i++) { /* beyond the last pixel, that one is computed again */
            const int32_t pixel = first + i < last ? first + i : last;
            places[i] = output + pixel * layer->out_channels;
            taps_of[i] = direct ? input + pixel * taps : patches + i * taps;
            if (!direct) {
                tp_gather_patch(layer, input, pixel / layer->out_width, pixel % layer->out_width, patches + i * taps);
            }
        }
        expand(taps_of[0], taps_of[1], taps, expanded);
        expand(taps_of[2], taps_of[3], taps, expanded + 1);
        four_pixels(layer, weights, channels, expanded, groups, places);
    }
}
