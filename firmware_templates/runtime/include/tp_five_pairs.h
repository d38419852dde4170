/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The loop over pairs of weights of tp_five_pixels_s8_pairs_dsp, tp_five_pixels_s8_sp14_dsp and tp_five_pixels_s8_exact_dsp,
 * each of which includes this once. They define before: TP_PAIRS_FUNCTION, the function's name; TP_PAIRS_A_RECORD, how many
 * pairs share a word of steps, 4 of a byte each or 2 of a halfword; TP_PAIRS_EXACT, 1 for both of TFLite's roundings, 0 for
 * the one that is enough behind a ReLU. */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"
#include "tp_relu.h"

#if TP_DSP

/* In assembly as a whole: it needs all 14 registers (5 accumulators, 5 pairs of activations, weights, steps and two pointers),
 * loads back to back, which compilers pull apart, and a jump into the unrolled pairs. Where a channel enters is a count of
 * bytes of code, so that instructions are as wide as they are said to be. */

/* Move on to the next pair, load its weights and the activations of five pixels, multiply: 13 cycles, 48 bytes of code. */
#if TP_PAIRS_A_RECORD == 4
#define ADVANCE(rotation) "uxtab r12, r12, r11" rotation "\n\t"
#else
#define ADVANCE(rotation) "uxtah r12, r12, r11" rotation "\n\t"
#endif
#define LOAD                       \
    "ldr.w r10, [lr], #4\n\t"      \
    "ldr.w r5, [r12]\n\t"          \
    "ldr.w r6, [r12, #4]\n\t"      \
    "ldr.w r7, [r12, #8]\n\t"      \
    "ldr.w r8, [r12, #12]\n\t"     \
    "ldr.w r9, [r12, #16]\n\t"
#define NEXT_STEPS "ldr.w r11, [lr], #4\n\t"
#define MULTIPLY                   \
    "smlad r0, r5, r10, r0\n\t"    \
    "smlad r1, r6, r10, r1\n\t"    \
    "smlad r2, r7, r10, r2\n\t"    \
    "smlad r3, r8, r10, r3\n\t"    \
    "smlad r4, r9, r10, r4\n\t"
#if TP_PAIRS_A_RECORD == 4
#define RECORD(next_steps)                          \
    ADVANCE("") LOAD MULTIPLY                       \
    ADVANCE(", ror #8") LOAD MULTIPLY               \
    ADVANCE(", ror #16") LOAD MULTIPLY              \
    ADVANCE(", ror #24") LOAD next_steps MULTIPLY
#define FIRST_HALF_OF_RUN RECORD(NEXT_STEPS) RECORD(NEXT_STEPS)
#define SECOND_HALF_OF_RUN RECORD(NEXT_STEPS) RECORD("")
#else
#define RECORD(next_steps)                          \
    ADVANCE("") LOAD MULTIPLY                       \
    ADVANCE(", ror #16") LOAD next_steps MULTIPLY
#define FIRST_HALF_OF_RUN RECORD(NEXT_STEPS) RECORD(NEXT_STEPS) RECORD(NEXT_STEPS) RECORD(NEXT_STEPS)
#define SECOND_HALF_OF_RUN RECORD(NEXT_STEPS) RECORD(NEXT_STEPS) RECORD(NEXT_STEPS) RECORD("")
#endif

/* Outputs in r0 to r4, all but the fifth stored; r6 keeps where the next channel enters. */
#if TP_PAIRS_EXACT
#define OTHER_MAP(code) ""
#define FLAGS_OF_ALL "mov r10, #1\n\t"
/* A sum becomes an output but for its shift, as fixed_point.py, fast_rounding_is_exact, has it. */
#define ROUND(sum)                          \
    "smmlar r8, " sum ", r5, r10\n\t"       \
    "add.w " sum ", r8, " sum ", asr #31\n\t"
#define REQUANTIZE                  \
    "ldr.w r10, [lr, #4]\n\t"       \
    "ldr.w r6, [lr, #8]\n\t"        \
    "ldr.w r11, [lr, #12]\n\t"      \
    "ldr.w r5, [lr], #16\n\t"       \
    "ldr.w r7, [sp, #8]\n\t"        \
    "ldr.w r12, [sp, #4]\n\t"       \
    "asr.w r9, r6, #12\n\t"         \
    ROUND("r0")                     \
    ROUND("r1")                     \
    ROUND("r2")                     \
    ROUND("r3")                     \
    ROUND("r4")                     \
    "asr.w r0, r0, r9\n\t"          \
    "asr.w r1, r1, r9\n\t"          \
    "asr.w r2, r2, r9\n\t"          \
    "asr.w r3, r3, r9\n\t"          \
    "asr.w r4, r4, r9\n\t"          \
    "ssat r0, #8, r0\n\t"           \
    "ssat r1, #8, r1\n\t"           \
    "ssat r2, #8, r2\n\t"           \
    "ssat r3, #8, r3\n\t"           \
    "ssat r4, #8, r4\n\t"           \
    "strb.w r0, [r7]\n\t"           \
    "ldr.w r8, [sp, #12]\n\t"       \
    "ldr.w r5, [sp, #16]\n\t"       \
    "ldr.w r10, [sp, #20]\n\t"      \
    "ldr.w r0, [sp, #24]\n\t"       \
    "ldr.w r9, [sp, #28]\n\t"       \
    "add.w r8, r7, r8\n\t"          \
    "strb.w r1, [r7, r5]\n\t"       \
    "strb.w r2, [r7, r10]\n\t"      \
    "strb.w r3, [r7, r0]\n\t"       \
    "str.w r8, [sp, #8]\n\t"
#else
#define OTHER_MAP(code) code
#define FLAGS_OF_ALL ""
#define REQUANTIZE                 \
    "ldr.w r6, [lr, #4]\n\t"       \
    "ldr.w r11, [lr, #8]\n\t"      \
    "ldr.w r5, [lr], #12\n\t"      \
    "ldr.w r7, [sp, #8]\n\t"       \
    "ldr.w r8, [sp, #12]\n\t"      \
    "ldr.w r9, [sp, #28]\n\t"      \
    "ldr.w r12, [sp, #4]\n\t"      \
    "asr.w r10, r6, #12\n\t"       \
    TP_RELU_OUTPUTS("r0", "r1", "r2", "r3", "r4", "r5", "r10") \
    "add.w r8, r7, r8\n\t"         \
    "bpl.w 5f\n\t"                 \
    "strb.w r0, [r7]\n\t"          \
    "strb.w r1, [r7, #2]\n\t"      \
    "strb.w r2, [r7, #1]\n\t"      \
    "strb.w r3, [r7, #3]\n\t"      \
    "str.w r8, [sp, #8]\n\t"
#endif

/* On the stack: 0 twice the runs left, 4 expanded, 8 output, 12 channel_step, 16 to[4], 32 five_wide. Behind a run, flags are
 * those of comparing the runs left with five_wide: N for a channel's end in a five-wide map, Z for one in another, neither
 * when there are runs left. Nothing in a run and behind it touches them. The fifth output is stored with the next channel's
 * loads, where that takes one cycle. With TP_PAIRS_EXACT all maps are treated alike and 32 holds 1. */
__attribute__((naked, noinline)) void TP_PAIRS_FUNCTION(__attribute__((unused)) tp_five_pixels *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1-r10}\n\t"
        "mov r2, #0\n\t"
        FLAGS_OF_ALL
        "push {r2-r10}\n\t"
        "mov r7, r4\n\t" /* what is stored as the fifth output before there is one, is overwritten */
        "mov r12, r3\n\t"
        "add lr, r1, #12\n\t"
        "ldr r6, [r1, #4]\n\t"
        "ldr r11, [r1, #8]\n\t"
        "cmp r2, r10\n\t"
        "b 4f\n\t"
        ".balign 4\n\t"
        "2:\n\t" /* a run of 16 pairs */
        FIRST_HALF_OF_RUN SECOND_HALF_OF_RUN
        "bgt.w 6f\n\t"
        REQUANTIZE
        "4:\n\t" /* the next channel, and its first pair */
        ADVANCE("")
        "ldr.w r10, [lr, #4]\n\t"
        "ldr.w r0, [lr], #8\n\t"
        "ldr.w r1, [r12, #4]\n\t"
        "ldr.w r2, [r12, #8]\n\t"
        "ldr.w r3, [r12, #12]\n\t"
        "ldr.w r8, [r12, #16]\n\t"
        "ldr.w r5, [r12]\n\t"
        "strb.w r4, [r7, r9]\n\t"
        "smlad r1, r1, r10, r0\n\t"
        "smlad r2, r2, r10, r0\n\t"
        "smlad r3, r3, r10, r0\n\t"
        "smlad r4, r8, r10, r0\n\t"
        "smlad r0, r5, r10, r0\n\t"
        "sbfx r6, r6, #0, #12\n\t"
        "add pc, r6\n\t" /* from 4 bytes behind it */
        "nop\n\t"
        /* 0: the end */
        "add sp, sp, #36\n\t"
        "pop {r4-r11, pc}\n\t"
        "nop\n\t"
        /* TP_PAIRS_RUNS: more than one run */
        "ldr r8, [lr], #4\n\t"
        "ldr r6, [sp, #32]\n\t"
        "lsr r7, r8, #16\n\t"
        "str r7, [sp]\n\t"
        "uxth r8, r8\n\t"
        "cmp r7, r6\n\t"
        "adr.w r6, 2b\n\t"
        "add r6, r8\n\t"
        "mov pc, r6\n\t"
        "6:\n\t"
        "ldr r5, [sp]\n\t" /* the channel's next run */
        "ldr r6, [sp, #32]\n\t"
        "ldr r11, [lr], #4\n\t"
        "sub.w r5, r5, #2\n\t"
        "str r5, [sp]\n\t"
        "cmp r5, r6\n\t"
        "b.w 2b\n\t"
        OTHER_MAP(
            "5:\n\t" /* outputs that are not in a five-wide map */
            "strb r0, [r7]\n\t"
            "str r8, [sp, #8]\n\t"
            "ldr r5, [sp, #16]\n\t"
            "ldr r10, [sp, #20]\n\t"
            "ldr r0, [sp, #24]\n\t"
            "strb r1, [r7, r5]\n\t"
            "strb r2, [r7, r10]\n\t"
            "strb r3, [r7, r0]\n\t"
            "b.w 4b"));
}

#else

#define STEP_BITS (32u / TP_PAIRS_A_RECORD)
#define STEP_MASK ((1u << STEP_BITS) - 1u)
/* Bytes of the assembly above: 48 a pair, 4 more a record but the last, and up to where entries count from. */
#define RECORD_BYTES (48u * TP_PAIRS_A_RECORD + 4u)
#define RUN_BYTES (16u / TP_PAIRS_A_RECORD * RECORD_BYTES - 4u)
#define RUN_ENTRY (RUN_BYTES + (TP_PAIRS_EXACT ? 220u : 168u))

/* One output; numbers are the words behind a channel's pairs. */
static inline int8_t output_of(int32_t acc, const uint32_t *numbers)
{
    const int32_t multiplier = (int32_t)numbers[0];
#if TP_PAIRS_EXACT
    const int32_t x = tp_smmlar(acc, multiplier, (int32_t)numbers[1]);
    return (int8_t)tp_ssat8((x + (acc >> 31)) >> (numbers[2] >> 12));
#else
    const int32_t offset = (int32_t)numbers[1] >> 12;
    return tp_relu_output(acc, multiplier, offset);
#endif
}

static inline uint32_t pairs_behind(uint32_t bytes_of_run)
{
    return 16u - bytes_of_run / RECORD_BYTES * TP_PAIRS_A_RECORD - bytes_of_run % RECORD_BYTES / 48u;
}

/* Pairs of a channel behind its first. */
static uint32_t pairs_left(uint32_t entry, const uint32_t **weights)
{
    if (entry == TP_PAIRS_RUNS) {
        const uint32_t runs = *(*weights)++;
        return pairs_behind(runs & 0xffffu) + 8u * (runs >> 16);
    }
    return pairs_behind(entry + RUN_ENTRY - 0x1000u);
}

static void add_pair(const char *at, uint32_t weights, int32_t acc[TP_TILE_PIXELS])
{
    for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
        acc[i] = tp_smlad(((const uint32_t *)(const void *)at)[i], weights, acc[i]);
    }
}

void TP_PAIRS_FUNCTION(tp_five_pixels *job)
{
    const uint32_t *weights = job->weights + 2;
    uint32_t entry = job->weights[1] & 0xfffu;
    while (entry != 0) {
        uint32_t steps = weights[0];
        const char *at = (const char *)job->expanded + (steps & STEP_MASK);
        int32_t acc[TP_TILE_PIXELS];
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            acc[i] = (int32_t)weights[1];
        }
        add_pair(at, weights[2], acc);
        weights += 3;
        for (uint32_t left = pairs_left(entry, &weights); left > 0; left--) {
            if (left % TP_PAIRS_A_RECORD == 0) {
                steps = *weights++;
            }
            at += steps >> (0u - left) % TP_PAIRS_A_RECORD * STEP_BITS & STEP_MASK;
            add_pair(at, *weights++, acc);
        }
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            job->output[i == 0 ? 0 : job->to[i - 1]] = output_of(acc[i], weights);
        }
        job->output += job->channel_step;
        weights += 2 + TP_PAIRS_EXACT;
        entry = weights[-1] & 0xfffu;
    }
}

#endif
