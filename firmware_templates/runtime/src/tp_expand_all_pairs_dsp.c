/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_few.h"
#include "tp_pairs.h"

#if TP_DSP

/* In assembly as a whole, for loads and stores together. */
#define GROUP(taps)                          \
    "sxtb16 r8, " taps ", ror #8\n\t"        \
    "sxtb16 r5, " taps "\n\t"                \
    "pkhbt r4, r5, r8, lsl #16\n\t"          \
    "pkhbt r6, r5, r8\n\t"                   \
    "pkhbt r7, r8, r5\n\t"                   \
    "pkhtb r9, r8, r5, asr #16\n\t"          \
    "stm r1!, {r4-r9}\n\t"

__attribute__((naked, noinline)) void tp_expand_all_pairs_dsp(__attribute__((unused)) const tp_few *job)
{
    __asm__ volatile(
        "push {r4-r10, lr}\n\t"
        "ldr r1, [r0, #4]\n\t"
        "ldr r2, [r0, #12]\n\t"
        "add r0, r0, #24\n\t"
        "ldm r0, {r0, r3, r12}\n\t" /* input, step, row_step */
        "mov lr, #48\n\t"
        "mla lr, r2, lr, r1\n\t"
        ".balign 4\n\t"
        "1:\n\t"
        "ldr r4, [r0]\n\t"
        "ldr r10, [r0, r12]\n\t"
        "add r0, r0, r3\n\t"
        GROUP("r4")
        GROUP("r10")
        "cmp r1, lr\n\t"
        "bne 1b\n\t"
        "pop {r4-r10, pc}");
}

#else

void tp_expand_all_pairs_dsp(const tp_few *job)
{
    for (int32_t i = 0; i < job->pixels; i++) {
        for (int32_t four = 0; four < 2; four++) {
            uint32_t *const pairs = job->expanded + TP_ALL_PAIRS_WORDS * i + TP_ALL_PAIRS_WORDS / 2 * four;
            tp_expand_group(job->input + i * job->step + four * job->row_step, pairs, 1);
        }
    }
}

#endif
