/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The loop over pairs of weights of tp_five_pixels_s8_pairs_dsp and tp_five_pixels_s8_sp14_dsp, each of which includes this
 * once. They define before: TP_PAIRS_FUNCTION, the function's name, and TP_PAIRS_A_RECORD, how many pairs share a word of
 * steps, 4u of a byte each or 2u of a halfword. */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#if TP_DSP

/* In assembly as a whole: it needs all 14 registers (5 accumulators, 5 pairs of activations, weights, steps and two pointers),
 * loads back to back, which compilers pull apart, and a jump into the unrolled pairs. */

/* Move on to the next pair, load its weights and the activations of five pixels, multiply: 13 cycles, 48 bytes of code. */
#if TP_PAIRS_A_RECORD == 4u
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
#if TP_PAIRS_A_RECORD == 4u
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

/* On the stack: 0 where channels begin, 4 end, 8 expanded, 12 output, 16 channel_step, 20 to[4], 36 runs left, 40 the run's
 * address. Nothing in a run touches the flags: N says that it is the channel's last. Channels begin where in the run their
 * first record does, or 36 bytes before the run, where each one's own beginning and runs are read. */
__attribute__((naked, noinline)) void TP_PAIRS_FUNCTION(__attribute__((unused)) tp_five_pixels *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1-r9}\n\t"
        "push {r1-r11}\n\t"
        "add lr, r1, #8\n\t"
        "ldr r1, [r1, #4]\n\t"
        "adr.w r0, 2f\n\t"
        "add r0, r0, #1\n\t"
        "str r0, [sp, #40]\n\t"
        "add r0, r0, r1\n\t"
        "str r0, [sp, #0]\n\t"
        "b 4f\n\t"
        ".balign 4\n\t"
        /* a channel that begins elsewhere than the others, or has more runs than one: 36 bytes */
        "asr.w r5, r11, #16\n\t"
        "uxth.w r6, r11\n\t"
        "ldr.w r7, [sp, #40]\n\t"
        "ldr.w r11, [lr], #4\n\t"
        "str.w r5, [sp, #36]\n\t"
        "add.w r6, r6, r7\n\t"
        "cmp.w r5, #0\n\t"
        "bx r6\n\t"
        "nop\n\t"
        "nop.w\n\t"
        "2:\n\t" /* a run of 16 pairs */
        FIRST_HALF_OF_RUN SECOND_HALF_OF_RUN
        "bpl 6f\n\t"
        "3:\n\t" /* requantize */
        "ldr r5, [lr], #4\n\t"
        "ldr r6, [lr], #4\n\t"
        "ldr r7, [sp, #12]\n\t"
        "ldr r8, [sp, #16]\n\t"
        "ldr r9, [sp, #20]\n\t"
        "ldr r10, [sp, #24]\n\t"
        "ldr r11, [sp, #28]\n\t"
        "ldr r12, [sp, #32]\n\t"
        "smmla r0, r0, r5, r6\n\t"
        "smmla r1, r1, r5, r6\n\t"
        "smmla r2, r2, r5, r6\n\t"
        "smmla r3, r3, r5, r6\n\t"
        "smmla r4, r4, r5, r6\n\t"
        "ssat r0, #8, r0, asr #12\n\t"
        "ssat r1, #8, r1, asr #12\n\t"
        "ssat r2, #8, r2, asr #12\n\t"
        "ssat r3, #8, r3, asr #12\n\t"
        "ssat r4, #8, r4, asr #12\n\t"
        "add r8, r7, r8\n\t"
        "strb r0, [r7]\n\t"
        "strb r1, [r7, r9]\n\t"
        "strb r2, [r7, r10]\n\t"
        "strb r3, [r7, r11]\n\t"
        "strb r4, [r7, r12]\n\t"
        "str r8, [sp, #12]\n\t"
        "4:\n\t" /* the next channel */
        "ldr r5, [sp, #4]\n\t"
        "ldr r6, [sp, #0]\n\t"
        "ldr r12, [sp, #8]\n\t"
        "cmp lr, r5\n\t"
        "beq 7f\n\t"
        "ldr r0, [lr], #4\n\t"
        "ldr r11, [lr], #4\n\t"
        "mov r1, r0\n\t"
        "mov r2, r0\n\t"
        "mov r3, r0\n\t"
        "mov r4, r0\n\t"
        "bx r6\n\t"
        "6:\n\t" /* the channel's next run */
        "ldr r5, [sp, #36]\n\t"
        "ldr r11, [lr], #4\n\t"
        "subs r5, r5, #1\n\t"
        "str r5, [sp, #36]\n\t"
        "b 2b\n\t"
        "7:\n\t"
        "add sp, sp, #44\n\t"
        "pop {r4-r11, pc}");
}

#else

#define STEP_BITS (32u / TP_PAIRS_A_RECORD)
#define RECORD_BYTES (48u * TP_PAIRS_A_RECORD + 4u)

static inline int8_t relu_output(int32_t acc, int32_t multiplier, int32_t offset)
{
    return (int8_t)tp_ssat8((offset + (int32_t)((int64_t)acc * multiplier >> 32)) >> TP_RELU_SHIFT);
}

/* acc + one channel's weights . pairs; returns the weights behind. */
static const uint32_t *dot(const uint32_t *weights, uint32_t entry, const uint32_t *pairs, int32_t acc[TP_TILE_PIXELS])
{
    const char *at = (const char *)pairs;
    uint32_t runs = 1;
    if (entry == TP_OWN_ENTRIES) {
        runs = ((*weights >> 16) + 2) & 0xffffu;
        entry = *weights++ & 0xffffu;
    }
    /* entry counts bytes of the assembly above: 48 a pair, 4 more a record */
    const uint32_t records = entry / RECORD_BYTES, rest = entry % RECORD_BYTES / 48;
    uint32_t count = 16 * runs - records * TP_PAIRS_A_RECORD - rest, steps = *weights++;
    while (count > 0) {
        at += steps >> (-count % TP_PAIRS_A_RECORD) * STEP_BITS & ((1u << STEP_BITS) - 1);
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            acc[i] = tp_smlad(((const uint32_t *)(const void *)at)[i], *weights, acc[i]);
        }
        weights++;
        if (--count % TP_PAIRS_A_RECORD == 0 && count > 0) {
            steps = *weights++;
        }
    }
    return weights;
}

void TP_PAIRS_FUNCTION(tp_five_pixels *job)
{
    const uint32_t *weights = job->weights + 2;
    while (weights != job->end) {
        int32_t acc[TP_TILE_PIXELS];
        const int32_t bias = (int32_t)*weights++;
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            acc[i] = bias;
        }
        weights = dot(weights, job->weights[1], job->expanded, acc);
        const int32_t multiplier = (int32_t)weights[0], offset = (int32_t)weights[1];
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            job->output[i == 0 ? 0 : job->to[i - 1]] = relu_output(acc[i], multiplier, offset);
        }
        job->output += job->channel_step;
        weights += 2;
    }
}

#endif
