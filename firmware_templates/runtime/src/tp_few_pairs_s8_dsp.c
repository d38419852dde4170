/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_few_channels.h"

#if TP_DSP

/* 9 cycles, 32 bytes of code; r9 and r10 are bytes from the pixel to its first pair and from there to the other. */
#define PAIRS                              \
    "ldr.w r3, [r0, r10]\n\t"              \
    "ldr.w r11, [r0], #48\n\t"             \
    "smlad r3, r3, r5, r6\n\t"             \
    "smlad r3, r11, r4, r3\n\t"            \
    TP_FEW_OUTPUT("r7", "r8")
/* r12 is where the pixels end. */
#define BEGIN                              \
    "ldr r12, [sp]\n\t"                    \
    "add r0, r0, r9\n\t"                   \
    "add r12, r12, r9\n\t"

__attribute__((naked, noinline)) void tp_few_pairs_s8_dsp(__attribute__((unused)) const tp_few *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1-r5}\n\t" /* weights, expanded, output, pixels, channels */
        TP_FEW_CHANNELS(PAIRS, "32", "48", "r4-r10", BEGIN, "cmp r0, r12\n\t"));
}

#else

void tp_few_pairs_s8_dsp(const tp_few *job)
{
    const uint32_t *numbers = job->weights;
    for (int32_t channel = 0; channel < job->channels; channel++) {
        for (int32_t i = 0; i < job->pixels; i++) {
            const uint32_t *const first = job->expanded + i * job->words + numbers[5] / 4;
            const int32_t acc = tp_smlad(first[numbers[6] / 4], numbers[1], (int32_t)numbers[2]);
            const int32_t sum = tp_smlad(first[0], numbers[0], acc);
            job->output[i * job->channels + channel] = tp_relu_output(sum, (int32_t)numbers[3], (int32_t)numbers[4]);
        }
        numbers += 7;
    }
}

#endif
