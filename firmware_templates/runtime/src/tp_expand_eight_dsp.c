/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_few.h"

#if TP_DSP

/* In assembly as a whole, for loads and stores together. */
__attribute__((naked, noinline)) void tp_expand_eight_dsp(__attribute__((unused)) const tp_few *job)
{
    __asm__ volatile(
        "push {r4-r8, lr}\n\t"
        "ldr r1, [r0, #4]\n\t"
        "ldr r2, [r0, #12]\n\t"
        "add r0, r0, #24\n\t"
        "ldm r0, {r0, r3, r12}\n\t" /* input, step, row_step */
        "add lr, r1, r2, lsl #4\n\t"
        ".balign 4\n\t"
        "1:\n\t"
        "ldr r4, [r0]\n\t"
        "ldr r6, [r0, r12]\n\t"
        "add r0, r0, r3\n\t"
        "sxtb16 r5, r4, ror #8\n\t"
        "sxtb16 r7, r6, ror #8\n\t"
        "sxtb16 r4, r4\n\t"
        "sxtb16 r6, r6\n\t"
        "stm r1!, {r4-r7}\n\t"
        "cmp r1, lr\n\t"
        "bne 1b\n\t"
        "pop {r4-r8, pc}");
}

#else

#include <string.h>

void tp_expand_eight_dsp(const tp_few *job)
{
    for (int32_t i = 0; i < job->pixels; i++) {
        uint32_t *const pairs = job->expanded + TP_EIGHT_WORDS * i;
        for (int32_t four = 0; four < 2; four++) {
            uint32_t taps;
            memcpy(&taps, job->input + i * job->step + four * job->row_step, sizeof taps);
            pairs[2 * four] = tp_sxtb16(taps);
            pairs[2 * four + 1] = tp_sxtb16_ror8(taps);
        }
    }
}

#endif
