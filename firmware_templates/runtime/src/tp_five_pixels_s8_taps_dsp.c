/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"
#include "tp_relu.h"

#if TP_DSP

/* In assembly as a whole, for its jump into the unrolled taps and loads back to back. r0 to r4 are accumulators, r5 to r7 a
 * tap's activations (x0, x1), (x2, x3), (x4, .), r8 and r12 in turn its word and the next one's, r9 the expanded activations,
 * r11 the output, lr the stream. Entries count bytes of code, so that instructions are as wide as they are said to be. */

/* 11 cycles, 40 bytes. */
#define LOAD(word)                                   \
    "add.w r10, r9, " word ", lsr #16\n\t"           \
    "ldr.w r5, [r10]\n\t"                            \
    "ldr.w r6, [r10, #4]\n\t"                        \
    "ldr.w r7, [r10, #8]\n\t"
#define TAP(word, next)                              \
    LOAD(word)                                       \
    "ldr.w " next ", [lr], #4\n\t"                   \
    "smlabb r0, r5, " word ", r0\n\t"                \
    "smlatb r1, r5, " word ", r1\n\t"                \
    "smlabb r2, r6, " word ", r2\n\t"                \
    "smlatb r3, r6, " word ", r3\n\t"                \
    "smlabb r4, r7, " word ", r4\n\t"
#define FOUR_TAPS TAP("r8", "r12") TAP("r12", "r8") TAP("r8", "r12") TAP("r12", "r8")

/* On the stack: 0 channel_step, 4 to[4], 20 runs left less 1. N says that a run is the channel's last. */
__attribute__((naked, noinline)) void tp_five_pixels_s8_taps_dsp(__attribute__((unused)) tp_five_pixels *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, sp, #24\n\t"
        "ldr.w lr, [r0]\n\t"
        "ldr.w r9, [r0, #8]\n\t"
        "ldr.w r11, [r0, #12]\n\t"
        "add.w r0, r0, #16\n\t"
        "ldm r0, {r1-r5}\n\t"
        "stm sp, {r1-r5}\n\t"
        "add.w lr, lr, #4\n\t"
        "mvn r0, #0\n\t"
        "cmp r0, #0\n\t" /* N */
        "b 4f\n\t"
        ".balign 4\n\t"
        "2:\n\t"
        FOUR_TAPS FOUR_TAPS FOUR_TAPS FOUR_TAPS
        "bpl.w 6f\n\t"
        /* requantize; r8 is the multiplier */
        "ldr.w r5, [lr], #4\n\t"
        "ldr.w r6, [sp, #4]\n\t"
        "ldr.w r7, [sp, #8]\n\t"
        "ldr.w r10, [sp, #12]\n\t"
        "ldr.w r12, [sp, #16]\n\t"
        TP_RELU_OUTPUTS("r0", "r1", "r2", "r3", "r4", "r8", "r5")
        "ldr.w r5, [sp]\n\t"
        "strb.w r1, [r11, r6]\n\t"
        "strb.w r2, [r11, r7]\n\t"
        "strb.w r3, [r11, r10]\n\t"
        "strb.w r4, [r11, r12]\n\t"
        "strb.w r0, [r11]\n\t"
        "add.w r11, r11, r5\n\t"
        "4:\n\t" /* the next channel, and its first tap */
        "ldr.w r0, [lr], #4\n\t"
        "ldr.w r8, [lr], #4\n\t"
        LOAD("r8")
        "ldr.w r10, [lr], #4\n\t"
        "ldr.w r12, [lr], #4\n\t"
        "smlatb r1, r5, r8, r0\n\t"
        "smlabb r2, r6, r8, r0\n\t"
        "smlatb r3, r6, r8, r0\n\t"
        "smlabb r4, r7, r8, r0\n\t"
        "smlabb r0, r5, r8, r0\n\t"
        "mov.w r8, r12\n\t"
        "add pc, r10\n\t" /* from 4 bytes behind it */
        "nop\n\t"
        /* 792 bytes from label 2, whence entries count; 0: the end */
        "b.w 7f\n\t"
        /* 4: several runs */
        "lsr.w r5, r12, #16\n\t"
        "uxth.w r10, r12\n\t"
        "str.w r5, [sp, #20]\n\t"
        "ldr.w r8, [lr], #4\n\t"
        "mov.w r12, r8\n\t"
        "cmp.w r5, #0\n\t" /* not N */
        "sub.w r10, r10, #828\n\t"
        "add pc, r10\n\t"
        "6:\n\t" /* the next run */
        "ldr r5, [sp, #20]\n\t"
        "subs r5, r5, #1\n\t"
        "str r5, [sp, #20]\n\t"
        "b 2b\n\t"
        "7:\n\t"
        "add sp, sp, #24\n\t"
        "pop {r4-r11, pc}");
}

#else

static void add_tap(const uint32_t *taps, uint32_t word, int32_t acc[TP_TILE_PIXELS])
{
    const uint32_t *const x = taps + (word >> 16) / sizeof *taps;
    const int32_t weight = tp_low(word);
    acc[0] += tp_low(x[0]) * weight;
    acc[1] += tp_high(x[0]) * weight;
    acc[2] += tp_low(x[1]) * weight;
    acc[3] += tp_high(x[1]) * weight;
    acc[4] += tp_low(x[2]) * weight;
}

/* Taps of a channel behind its first, from its entry or entries: 40 bytes of code each, runs of 16 that end at -152. */
static int32_t taps_left(const uint32_t **weights)
{
    const uint32_t entry = *(*weights)++;
    if (entry == TP_TAPS_RUNS) {
        const uint32_t runs = *(*weights)++;
        return (int32_t)(16 * ((runs >> 16) + 2) - (runs & 0xffffu) / 40);
    }
    return (-152 - (int32_t)entry) / 40;
}

void tp_five_pixels_s8_taps_dsp(tp_five_pixels *job)
{
    const uint32_t *weights = job->weights + 1;
    while (weights[2] != 0) {
        int32_t acc[TP_TILE_PIXELS];
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            acc[i] = (int32_t)weights[0];
        }
        add_tap(job->expanded, weights[1], acc);
        weights += 2;
        for (int32_t left = taps_left(&weights); left > 0; left--) {
            add_tap(job->expanded, *weights++, acc);
        }
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            job->output[i == 0 ? 0 : job->to[i - 1]] = tp_relu_output(acc[i], (int32_t)weights[0], (int32_t)weights[1]);
        }
        job->output += job->channel_step;
        weights += 2;
    }
}

#endif
