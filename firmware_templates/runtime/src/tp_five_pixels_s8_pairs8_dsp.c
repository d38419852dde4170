/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"
#include "tp_relu.h"

#if TP_DSP

/* In assembly as a whole: it needs all 14 registers (5 accumulators, 5 pairs of activations, weights, steps and two pointers),
 * loads back to back, which compilers pull apart, and a jump into the unrolled pairs. */

/* Move on to the next pair, load its weights and the activations of five pixels, multiply: 14 cycles, 52 bytes of code. A word
 * of weights is loaded for each of its two pairs, as there is no register to keep it. */
#define ADVANCE(rotation) "uxtab r12, r12, r11" rotation "\n\t"
#define LOAD                       \
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
#define FIRST "ldr.w r10, [lr]\n\t" LOAD "sxtb16 r10, r10\n\t" MULTIPLY
#define SECOND(next_steps) "ldr.w r10, [lr], #4\n\t" LOAD next_steps "sxtb16 r10, r10, ror #8\n\t" MULTIPLY
#define RECORD(next_steps)                          \
    ADVANCE("") FIRST                               \
    ADVANCE(", ror #8") SECOND("")                  \
    ADVANCE(", ror #16") FIRST                      \
    ADVANCE(", ror #24") SECOND(next_steps)

/* On the stack: 0 where channels begin, 4 end, 8 expanded, 12 output, 16 channel_step, 20 to[4], 36 runs left, 40 the run's
 * address, 44 the channel's bias and t. Nothing in a run touches the flags: N says that it is the channel's last. Channels begin where in the run their
 * first record does, or 36 bytes before the run, where each one's own beginning and runs are read. */
__attribute__((naked, noinline)) void tp_five_pixels_s8_pairs8_dsp(__attribute__((unused)) tp_five_pixels *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "sub sp, sp, #4\n\t"
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
        RECORD(NEXT_STEPS) RECORD(NEXT_STEPS) RECORD(NEXT_STEPS) RECORD("")
        "bpl 6f\n\t"
        "3:\n\t" /* requantize */
        "ldr r5, [lr], #4\n\t"
        "ldr r6, [sp, #44]\n\t"
        "ldr r7, [sp, #12]\n\t"
        "ldr r8, [sp, #16]\n\t"
        "ldr r9, [sp, #20]\n\t"
        "ldr r10, [sp, #24]\n\t"
        "ldr r11, [sp, #28]\n\t"
        "and r6, r6, #31\n\t"
        TP_RELU_SCALE("r0", "r1", "r2", "r3", "r4", "r6", "r12")
        TP_RELU_OUTPUTS("r0", "r1", "r2", "r3", "r4", "r5", "r12")
        "ldr r12, [sp, #32]\n\t"
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
        "str r0, [sp, #44]\n\t"
        "asr r0, r0, #5\n\t"
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
        "add sp, sp, #48\n\t"
        "pop {r4-r11, pc}");
}

#else

/* acc + one channel's weights . pairs; returns the weights behind. */
static const uint32_t *dot(const uint32_t *weights, uint32_t entry, const uint32_t *pairs, int32_t acc[TP_TILE_PIXELS])
{
    const char *at = (const char *)pairs;
    uint32_t runs = 1;
    if (entry == TP_OWN_ENTRIES) {
        runs = ((*weights >> 16) + 2) & 0xffffu;
        entry = *weights++ & 0xffffu;
    }
    /* entry counts bytes of the assembly above: 52 a pair, 4 more a record */
    uint32_t count = 16 * runs - entry / 212 * 4 - entry % 212 / 52, steps = *weights++;
    while (count > 0) {
        at += steps >> (-count & 3) * 8 & 0xffu;
        const uint32_t pair = count & 1 ? tp_sxtb16_ror8(*weights++) : tp_sxtb16(*weights);
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            acc[i] = tp_smlad(((const uint32_t *)(const void *)at)[i], pair, acc[i]);
        }
        if ((--count & 3) == 0 && count > 0) {
            steps = *weights++;
        }
    }
    return weights;
}

void tp_five_pixels_s8_pairs8_dsp(tp_five_pixels *job)
{
    const uint32_t *weights = job->weights + 2;
    while (weights != job->end) {
        int32_t acc[TP_TILE_PIXELS];
        const int32_t header = (int32_t)*weights++;
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            acc[i] = header >> 5;
        }
        weights = dot(weights, job->weights[1], job->expanded, acc);
        const int32_t multiplier = (int32_t)*weights++;
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            job->output[i == 0 ? 0 : job->to[i - 1]] = tp_relu_output_scaled(acc[i], header & 31, multiplier);
        }
        job->output += job->channel_step;
    }
}

#endif
