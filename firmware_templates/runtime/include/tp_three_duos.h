/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The loop over pairs of weights of tp_three_pixels_s8_duos_dsp and tp_three_pixels_s8_duos_exact_dsp, each of which includes
 * this once. They define before: TP_DUOS_FUNCTION, the function's name; TP_DUOS_EXACT, 1 for both of TFLite's roundings, 0 for
 * the one that is enough behind a ReLU. */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"
#include "tp_relu.h"

#define PIXELS TP_DUO_PIXELS

#if TP_DSP

/* In assembly as a whole, for the reasons of tp_five_pairs.h. The 14 registers: r0 to r2 are the first channel's sums, r3 to r5
 * the second's, r6 to r8 activations, r9 and r10 weights, r11 steps, r12 and lr pointers. */

/* Move on to the next pair, load its weights and the activations of three pixels, multiply: 13 cycles, 48 bytes of code. */
#define ADVANCE(rotation) "uxtab r12, r12, r11" rotation "\n\t"
#define LOAD                       \
    "ldr.w r10, [lr, #4]\n\t"      \
    "ldr.w r9, [lr], #8\n\t"       \
    "ldr.w r6, [r12]\n\t"          \
    "ldr.w r7, [r12, #4]\n\t"      \
    "ldr.w r8, [r12, #8]\n\t"
#define NEXT_STEPS "ldr.w r11, [lr], #4\n\t"
#define MULTIPLY                   \
    "smlad r0, r6, r9, r0\n\t"     \
    "smlad r1, r7, r9, r1\n\t"     \
    "smlad r2, r8, r9, r2\n\t"     \
    "smlad r3, r6, r10, r3\n\t"    \
    "smlad r4, r7, r10, r4\n\t"    \
    "smlad r5, r8, r10, r5\n\t"
#define RECORD(next_steps)                          \
    ADVANCE("") LOAD MULTIPLY                       \
    ADVANCE(", ror #8") LOAD MULTIPLY               \
    ADVANCE(", ror #16") LOAD MULTIPLY              \
    ADVANCE(", ror #24") LOAD next_steps MULTIPLY

/* Outputs in r0 to r5; r10 is `output`, r11 channel_step. */
#if TP_DUOS_EXACT
/* As in tp_five_pairs.h. */
#define ROUND(sum)                           \
    "smmlar r9, " sum ", r6, r7\n\t"         \
    "add.w " sum ", r9, " sum ", asr #31\n\t"
#define SATURATE(sum)                        \
    "ssat " sum ", #8, " sum "\n\t"
#define REQUANTIZE                           \
    "ldr.w r7, [lr, #4]\n\t"                 \
    "ldr.w r8, [lr, #8]\n\t"                 \
    "ldr.w r6, [lr], #24\n\t"                \
    ROUND("r0") ROUND("r1") ROUND("r2")      \
    "asr.w r0, r0, r8\n\t"                   \
    "asr.w r1, r1, r8\n\t"                   \
    "asr.w r2, r2, r8\n\t"                   \
    "ldr r6, [lr, #-12]\n\t"               \
    "ldr r7, [lr, #-8]\n\t"               \
    "ldr r8, [lr, #-4]\n\t"               \
    "ldr.w r10, [sp, #8]\n\t"                \
    "ldr.w r11, [sp, #12]\n\t"               \
    "ldr.w r12, [sp, #4]\n\t"                \
    ROUND("r3") ROUND("r4") ROUND("r5")      \
    "asr.w r3, r3, r8\n\t"                   \
    "asr.w r4, r4, r8\n\t"                   \
    "asr.w r5, r5, r8\n\t"                   \
    SATURATE("r0") SATURATE("r1") SATURATE("r2") SATURATE("r3") SATURATE("r4") SATURATE("r5")
#else
#define REQUANTIZE                       \
    "ldr.w r7, [lr, #4]\n\t"             \
    "ldr.w r8, [lr, #8]\n\t"             \
    "ldr.w r9, [lr, #12]\n\t"            \
    "ldr.w r6, [lr], #16\n\t"            \
    "ldr.w r10, [sp, #8]\n\t"            \
    "ldr.w r11, [sp, #12]\n\t"           \
    "ldr.w r12, [sp, #4]\n\t"            \
    "smmla r0, r0, r6, r7\n\t"           \
    "smmla r1, r1, r6, r7\n\t"           \
    "smmla r2, r2, r6, r7\n\t"           \
    "smmla r3, r3, r8, r9\n\t"           \
    "smmla r4, r4, r8, r9\n\t"           \
    "smmla r5, r5, r8, r9\n\t"           \
    TP_RELU_SATURATE("r0")               \
    TP_RELU_SATURATE("r1")               \
    TP_RELU_SATURATE("r2")               \
    TP_RELU_SATURATE("r3")               \
    TP_RELU_SATURATE("r4")               \
    TP_RELU_SATURATE("r5")
#endif

/* On the stack: 0 twice the runs left, 4 expanded, 8 output, 12 channel_step, 16 bytes to pixels 1 and 2, 24 side_by_side: 1 where
 * these are 1 and 2. Behind a run, flags are those of comparing the runs left with side_by_side: N where the channels end and
 * outputs lie side by side, Z where they end and do not, neither when there are runs left. Nothing in a run touches them. */
__attribute__((naked, noinline)) void TP_DUOS_FUNCTION(__attribute__((unused)) const tp_duos *layer,
                                                                  __attribute__((unused)) int8_t *const output[])
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r1, {r4, r6, r7}\n\t"
        "ldr r12, [r0]\n\t"
        "ldr lr, [r0, #16]\n\t"
        "ldr r5, [r0, #20]\n\t"
        "sub r6, r6, r4\n\t"
        "sub r7, r7, r4\n\t"
        "mov r8, #0\n\t"
        "cmp r6, #1\n\t"
        "it eq\n\t"
        "cmpeq r7, #2\n\t"
        "it eq\n\t"
        "moveq r8, #1\n\t"
        "mov r2, #0\n\t"
        "mov r3, r12\n\t"
        "push {r2-r8}\n\t"
        "add lr, lr, #4\n\t"
        "cmp r2, r8\n\t"
        "b 4f\n\t"
        ".balign 4\n\t"
        "2:\n\t" /* a run of 16 pairs */
        RECORD(NEXT_STEPS) RECORD(NEXT_STEPS) RECORD(NEXT_STEPS) RECORD("")
        "bpl.w 6f\n\t"
        REQUANTIZE
        "strb.w r0, [r10]\n\t"
        "strb.w r1, [r10, #1]\n\t"
        "strb.w r2, [r10, #2]\n\t"
        "add.w r10, r10, r11\n\t"
        "strb.w r3, [r10]\n\t"
        "strb.w r4, [r10, #1]\n\t"
        "strb.w r5, [r10, #2]\n\t"
        "add.w r10, r10, r11\n\t"
        "str.w r10, [sp, #8]\n\t"
        "4:\n\t" /* the next two channels, and their first pair */
        "ldr.w r6, [lr, #4]\n\t"
        "ldr.w r2, [lr, #8]\n\t"
        "ldr.w r4, [lr, #12]\n\t"
        "ldr.w r9, [lr, #16]\n\t"
        "ldr.w r10, [lr, #20]\n\t"
        "ldr.w r11, [lr], #24\n\t"
        ADVANCE("")
        "ldr.w r7, [r12]\n\t"
        "ldr.w r8, [r12, #4]\n\t"
        "ldr.w r5, [r12, #8]\n\t"
        "smlad r0, r7, r9, r2\n\t"
        "smlad r1, r8, r9, r2\n\t"
        "smlad r2, r5, r9, r2\n\t"
        "smlad r3, r7, r10, r4\n\t"
        "smlad r5, r5, r10, r4\n\t"
        "smlad r4, r8, r10, r4\n\t"
        "add pc, r6\n\t" /* from 4 bytes behind it */
        "nop\n\t"
        /* 0: the end */
        "add sp, sp, #28\n\t"
        "pop {r4-r11, pc}\n\t"
        "nop\n\t"
        /* TP_PAIRS_RUNS: more than one run */
        "ldr r8, [lr], #4\n\t"
        "ldr r6, [sp, #24]\n\t"
        "lsr r7, r8, #16\n\t"
        "str r7, [sp]\n\t"
        "uxth r8, r8\n\t"
        "cmp r7, r6\n\t"
        "adr.w r6, 2b\n\t"
        "add r6, r8\n\t"
        "mov pc, r6\n\t"
        "6:\n\t"
        "beq 5f\n\t"
        "ldr r6, [sp]\n\t" /* the next run */
        "ldr r7, [sp, #24]\n\t"
        "ldr r11, [lr], #4\n\t"
        "sub.w r6, r6, #2\n\t"
        "str r6, [sp]\n\t"
        "cmp r6, r7\n\t"
        "b.w 2b\n\t"
        "5:\n\t" /* the end, with outputs that do not lie side by side */
        REQUANTIZE
        "ldr r6, [sp, #16]\n\t"
        "ldr r7, [sp, #20]\n\t"
        "strb r2, [r10, r7]\n\t"
        "strb r1, [r10, r6]\n\t"
        "strb r0, [r10]\n\t"
        "add r10, r10, r11\n\t"
        "strb r5, [r10, r7]\n\t"
        "strb r4, [r10, r6]\n\t"
        "strb r3, [r10]\n\t"
        "add r10, r10, r11\n\t"
        "str r10, [sp, #8]\n\t"
        "b.w 4b");
}

#else

#define HEADER_WORDS 6
/* Bytes of the assembly above: 48 a pair, 4 more a record but the last, and up to where entries count from. */
#define RECORD_BYTES (48u * 4u + 4u)
#define RUN_ENTRY (4u * RECORD_BYTES - 4u + (TP_DUOS_EXACT ? 240u : 184u))

/* One output; numbers are the words of its channel behind the pairs. */
static inline int8_t output_of(int32_t acc, const uint32_t *numbers)
{
#if TP_DUOS_EXACT
    return (int8_t)tp_ssat8((tp_smmlar(acc, (int32_t)numbers[0], (int32_t)numbers[1]) + (acc >> 31)) >> numbers[2]);
#else
    return tp_relu_output(acc, (int32_t)numbers[0], (int32_t)numbers[1]);
#endif
}

static uint32_t pairs_behind(uint32_t bytes_of_run)
{
    return 16u - bytes_of_run / RECORD_BYTES * 4u - bytes_of_run % RECORD_BYTES / 48u;
}

/* Pairs of two channels behind their first. */
static uint32_t pairs_left(uint32_t entry, const uint32_t **weights)
{
    if (entry == TP_PAIRS_RUNS) {
        const uint32_t runs = *(*weights)++;
        return pairs_behind(runs & 0xffffu) + 8u * (runs >> 16);
    }
    return pairs_behind(entry + RUN_ENTRY);
}

static void add_pair(const char *at, const uint32_t weights[2], int32_t acc[2][PIXELS])
{
    for (int32_t i = 0; i < PIXELS; i++) {
        const uint32_t x = ((const uint32_t *)(const void *)at)[i];
        acc[0][i] = tp_smlad(x, weights[0], acc[0][i]);
        acc[1][i] = tp_smlad(x, weights[1], acc[1][i]);
    }
}

void TP_DUOS_FUNCTION(const tp_duos *layer, int8_t *const output[])
{
    const uint32_t *weights = layer->weights + 1;
    int32_t channel = 0;
    while (weights[1] != 0) {
        uint32_t steps = weights[0];
        const uint32_t entry = weights[1];
        const char *at = (const char *)layer->expanded + (steps & 0xffu);
        int32_t acc[2][PIXELS];
        for (int32_t i = 0; i < PIXELS; i++) {
            acc[0][i] = (int32_t)weights[2];
            acc[1][i] = (int32_t)weights[3];
        }
        add_pair(at, weights + 4, acc);
        weights += HEADER_WORDS;
        for (uint32_t left = pairs_left(entry, &weights); left > 0; left--) {
            if (left % 4 == 0) {
                steps = *weights++;
            }
            at += steps >> (0u - left) % 4 * 8 & 0xffu;
            add_pair(at, weights, acc);
            weights += 2;
        }
        for (int32_t o = 0; o < 2; o++) {
            for (int32_t i = 0; i < PIXELS; i++) {
                output[i][channel] = output_of(acc[o][i], weights);
            }
            channel += layer->channel_step;
            weights += 2 + TP_DUOS_EXACT;
        }
    }
}

#endif
